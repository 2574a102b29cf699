// Local Moran: cells that are like their neighbours, and cells that are odd among them.

import type { Context } from './analyses.ts';
import type { Feature } from './api.ts';
import { clustersOf, outlineOf } from './clusters.ts';
import { numberOf, textOf, type Properties } from './properties.ts';
import { figure, oneIn, percent, plural, quantity } from './words.ts';

/** Places that are listed and outlined. */
const MOST_PLACES = 25;

const TITLES: Readonly<Record<string, string>> = {
  HL: 'High among low ones',
  HH: 'High among high ones',
  LH: 'Low among high ones',
  LL: 'Low among low ones',
};

/** Cells side by side of one high class, as places: HH by their count, then the odd ones (HL). */
export function outlierPlaces(cells: readonly Feature[]): Feature[] {
  const count = (place: Feature): number => numberOf(place.properties, 'count') ?? 0;
  return ['HH', 'HL']
    .flatMap((quadrant) => clustersOf(cells.filter((cell) => textOf(cell.properties, 'class') === quadrant))
      .map((group) => outlierPlace(quadrant, group))
      .sort((one, other) => count(other) - count(one) || (one.id < other.id ? -1 : 1)))
    .slice(0, MOST_PLACES)
    .map((place, index) => ({ ...place, properties: { ...place.properties, rank: index + 1 } }));
}

function outlierPlace(quadrant: string, cells: readonly Feature[]): Feature {
  return {
    type: 'Feature',
    id: `${quadrant.toLowerCase()}-${cells[0]?.id ?? ''}`,
    geometry: outlineOf(cells),
    properties: {
      class: 'hot',
      kind: quadrant,
      n_cells: cells.length,
      count: cells.reduce((sum, cell) => sum + (numberOf(cell.properties, 'count') ?? 0), 0),
      expected: expectedIn(cells),
      min_q: Math.min(...cells.map((cell) => numberOf(cell.properties, 'q') ?? 1)),
    },
  };
}

/** What the population lets expect in cells together; null where there is none. */
function expectedIn(cells: readonly Feature[]): number | null {
  const values = cells.map((cell) => numberOf(cell.properties, 'expected'));
  return values.every((value) => value !== null) ? values.reduce((sum, value) => sum + value, 0) : null;
}

export function outlierTitle(place: Properties): string {
  return TITLES[textOf(place, 'kind') ?? ''] ?? 'A place';
}

export function outlierLine(place: Properties): string {
  const count = numberOf(place, 'count');
  const cells = numberOf(place, 'n_cells');
  return [count === null ? null : plural(count, 'incident'), cells === null ? null : plural(cells, 'cell')]
    .filter((part) => part !== null).join(' · ') || 'No counts given';
}

export function outlierPlaceSentences(place: Properties): string[] {
  const count = numberOf(place, 'count');
  const cells = numberOf(place, 'n_cells');
  const q = numberOf(place, 'min_q');
  return [
    count === null || cells === null ? 'How many incidents lie here is not known.' : `${plural(count, 'incident')} in ${plural(cells, 'cell')} side by side${fromPopulation(place)}.`,
    q === null ? null : `The evidence is for its cells, not for its exact outline: in the clearest one ${figure('q', q)}.`,
  ].filter((sentence) => sentence !== null);
}

export function outlierCellTitle(cell: Properties): string {
  if (numberOf(cell, 'q') === null) return 'Not tested';
  return TITLES[textOf(cell, 'class') ?? ''] ?? 'No clear difference';
}

export function outlierSentences(cell: Properties, context: Context): string[] {
  const count = numberOf(cell, 'count');
  return [
    count === null ? 'How many incidents lie here is not known.' : `${plural(count, 'incident')} in this cell${fromPopulation(cell)}.`,
    standingSentence(cell),
    chanceSentence(cell, context),
    cell['edge'] === true ? 'It lies at the edge of the study area: part of its surroundings was not seen.' : null,
  ].filter((sentence) => sentence !== null);
}

function fromPopulation(properties: Properties): string {
  const expected = numberOf(properties, 'expected');
  return expected === null ? '' : `, where about ${quantity(expected)} would be expected from the population`;
}

/** Whether rates were judged: only then the population tells what is expected. */
function isOfRates(cell: Properties): boolean {
  return numberOf(cell, 'expected') !== null;
}

function standingSentence(cell: Properties): string | null {
  const quadrant = textOf(cell, 'quadrant');
  const neighbors = numberOf(cell, 'neighbors');
  if (quadrant === null) return null;
  const side = (letter: string | undefined): string => letter === 'H' ? 'above' : 'not above';
  const around = neighbors === null ? 'the cells around it' : `the ${plural(neighbors, 'cell')} around it`;
  return isOfRates(cell)
    ? `Its rate is ${side(quadrant[0])} the overall rate; that of ${around} is ${side(quadrant[1])} it.`
    : `Its count is ${side(quadrant[0])} the overall mean; the mean of ${around} is ${side(quadrant[1])} it.`;
}

function chanceSentence(cell: Properties, context: Context): string {
  const p = numberOf(cell, 'p');
  const q = numberOf(cell, 'q');
  if (p === null || q === null) return 'It was not tested, so nothing is known about it beyond its count.';
  const chance = isOfRates(cell)
    ? `If the risk were the same everywhere, ${oneIn(p)} such maps would have as unusual a number of incidents around it (${figure('p', p)}).`
    : `If the other counts were scattered at random around it, ${oneIn(p)} such maps would have surroundings as far from the mean (${figure('p', p)}).`;
  return textOf(cell, 'class') === 'none' || textOf(cell, 'class') === null
    ? `${chance} After allowing for all cells that were tested (${figure('q', q)}) this is too weak to be marked. It does not show that nothing is here.`
    : `${chance} It is marked: ${figure('q', q)}, within the limit of ${percent(context.alpha)}.`;
}

export function outlierSummary(cells: readonly Properties[], context: Context): string {
  const number = (quadrant: string): number => cells.filter((cell) => textOf(cell, 'class') === quadrant).length;
  const [high, odd, low] = [number('HH'), number('HL'), number('LH')];
  if (high + odd + low + number('LL') === 0) {
    return `No cell is marked at a false-discovery rate of ${percent(context.alpha)}. That can mean an even spread, or too few incidents to tell.`;
  }
  return `${plural(high, 'cell')} high among high ones; odd among their neighbours: ${quantity(odd)} high, ${quantity(low)} low.`;
}
