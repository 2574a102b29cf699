// Emerging hotspots: how each cell behaved over time, by its pattern.

import type { Context } from './analyses.ts';
import type { Feature } from './api.ts';
import { groupOf } from './classes.ts';
import { clustersOf, outlineOf } from './clusters.ts';
import { numberOf, textOf, type Properties } from './properties.ts';
import { figure, percent, plural, quantity } from './words.ts';

/** Places that are listed and outlined. */
const MOST_PLACES = 25;
const ORDER = ['hot emerging', 'hot persistent', 'hot intermittent', 'cold emerging', 'cold persistent', 'cold intermittent'];

/** Cells side by side with one short label, as places: hot before cold, emerging first, then the larger count. */
export function emergingPlaces(cells: readonly Feature[]): Feature[] {
  const count = (place: Feature): number => numberOf(place.properties, 'count') ?? 0;
  return ORDER
    .flatMap((kind) => clustersOf(cells.filter((cell) => kindOf(cell.properties) === kind))
      .map(emergingPlace)
      .sort((one, other) => count(other) - count(one) || (one.id < other.id ? -1 : 1)))
    .slice(0, MOST_PLACES)
    .map((place, index) => ({ ...place, properties: { ...place.properties, rank: index + 1 } }));
}

function kindOf(cell: Properties): string {
  return `${groupOf(cell)} ${textOf(cell, 'short') ?? ''}`;
}

function emergingPlace(cells: readonly Feature[]): Feature {
  const first = cells[0]?.properties ?? {};
  const total = (name: string): number | null => {
    const values = cells.map((cell) => numberOf(cell.properties, name));
    return values.every((value) => value !== null) ? values.reduce((sum, value) => sum + value, 0) : null;
  };
  const patterns = new Map<string, number>();
  for (const { properties } of cells) {
    const pattern = textOf(properties, 'pattern') ?? 'unknown';
    patterns.set(pattern, (patterns.get(pattern) ?? 0) + 1);
  }
  return {
    type: 'Feature',
    id: `${groupOf(first)}-${cells[0]?.id ?? ''}`,
    geometry: outlineOf(cells),
    properties: {
      class: groupOf(first),
      short_label: textOf(first, 'short'),
      n_cells: cells.length,
      count: total('count'),
      last_count: total('last_count'),
      patterns: Object.fromEntries([...patterns].sort(([, one], [, other]) => other - one)),
    },
  };
}

export function emergingTitle(place: Properties): string {
  const spot = textOf(place, 'class') === 'cold' ? 'cold spot' : 'hot spot';
  return capital(`${textOf(place, 'short_label') ?? ''} ${spot}`.trim());
}

export function emergingLine(place: Properties): string {
  const [count, last, cells] = ['count', 'last_count', 'n_cells'].map((name) => numberOf(place, name));
  if (count === 0) {
    const size = cells === null || cells === undefined ? '' : ` · ${plural(cells, 'cell')}`;
    return `${textOf(place, 'class') === 'hot' ? 'By the incidents around it, none inside' : 'No incident in any period'}${size}`;
  }
  return [
    last === null || last === undefined ? null : `${plural(last, 'incident')} in the last period`,
    count === null || count === undefined ? null : `${quantity(count)} in all`,
    cells === null || cells === undefined ? null : plural(cells, 'cell'),
  ].filter((part) => part !== null).join(' · ') || 'No counts given';
}

export function emergingPlaceSentences(place: Properties): string[] {
  const patterns = place['patterns'];
  const named = typeof patterns === 'object' && patterns !== null
    ? Object.entries(patterns).map(([pattern, cells]) => `${pattern} (${plural(Number(cells), 'cell')})`).join(', ')
    : '';
  return [
    countSentence(place),
    named === '' ? null : `Its cells: ${named}.`,
    'The evidence is for single cells and periods, not for the outline. Select a cell to see its own course.',
  ].filter((sentence) => sentence !== null);
}

export function emergingCellTitle(cell: Properties): string {
  if (isWithoutAnswer(cell)) return 'Not tested';
  const pattern = textOf(cell, 'pattern');
  return pattern === null || pattern === 'no pattern detected' ? 'No pattern' : capital(pattern);
}

export function emergingSentences(cell: Properties, context: Context): string[] {
  const hot = numberOf(cell, 'share_hot');
  const cold = numberOf(cell, 'share_cold');
  return [
    textOf(cell, 'reason') ?? 'Why it has this pattern is not known.',
    countSentence(cell),
    isWithoutAnswer(cell) || hot === null || cold === null
      ? null
      : `Together with the cells around it, it was hot in ${percent(hot)} and cold in ${percent(cold)} of the periods.`,
    trendSentence(cell, context),
    groupOf(cell) === 'none' ? 'No pattern does not show that nothing is here.' : null,
  ].filter((sentence) => sentence !== null);
}

function isWithoutAnswer(cell: Properties): boolean {
  return (textOf(cell, 'reason') ?? '').startsWith('No answer');
}

function countSentence(properties: Properties): string {
  const count = numberOf(properties, 'count');
  const last = numberOf(properties, 'last_count');
  if (count === null) return 'How many incidents lie here is not known.';
  if (count === 0) return 'No incident here in any period: a cell is judged together with the cells around it.';
  return `${plural(count, 'incident')} here in all periods${last === null ? '' : `, ${quantity(last)} of them in the last one`}.`;
}

/** The trend has a p of its own, which does not allow for the number of cells: the sentence says so. */
function trendSentence(cell: Properties, context: Context): string | null {
  const p = numberOf(cell, 'trend_p');
  const z = numberOf(cell, 'trend_z');
  if (p === null || z === null) return null;
  if (p > context.alpha) return `No clear trend (Mann-Kendall, ${figure('p', p)}).`;
  return `Over the periods its standing among all cells ${z > 0 ? 'rises' : 'falls'} (Mann-Kendall, ${figure('p', p)}, for this cell alone).`;
}

export function emergingSummary(cells: readonly Properties[], context: Context): string {
  const now = cells.filter((cell) => groupOf(cell) === 'hot');
  const rising = now.filter((cell) => textOf(cell, 'short') === 'emerging').length;
  const former = cells.filter((cell) => textOf(cell, 'short') === 'former').length;
  if (context.side === 'cold') {
    return `${plural(cells.filter((cell) => groupOf(cell) === 'cold').length, 'cell')} cold in the last period.`;
  }
  if (now.length === 0) return 'No cell is hot in the last period. That can mean an even spread, or too few incidents to tell.';
  return `${plural(now.length, 'cell')} hot in the last period, ${quantity(rising)} of them emerging.` +
    (former === 0 ? '' : ` ${plural(former, 'cell')} used to be hot or cold and no longer ${former === 1 ? 'is' : 'are'}.`);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
