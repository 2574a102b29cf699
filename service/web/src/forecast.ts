// The forecast of the next period: cells in the order of what is expected.

import type { Feature } from './api.ts';
import { binOf } from './classes.ts';
import { clustersOf, outlineOf } from './clusters.ts';
import { numberOf, type Properties } from './properties.ts';
import { plural, quantity } from './words.ts';

/** Places that are listed and outlined. */
const MOST_PLACES = 25;

/** The cells with their rank as a share of all cells; where nothing is expected there is no rank to speak of. */
export function forecastCells(own: readonly Feature[]): Feature[] {
  return own.map((cell) => {
    const rank = numberOf(cell.properties, 'rank');
    const expected = numberOf(cell.properties, 'expected');
    const share = rank === null || expected === null ? null : expected > 0 ? rank / own.length : 1;
    return { ...cell, properties: { ...cell.properties, n_cells: own.length, rank_share: share } };
  });
}

/** The first cells that lie side by side, as places; the most expected incidents first. */
export function forecastPlaces(cells: readonly Feature[]): Feature[] {
  const expected = (one: Feature): number => numberOf(one.properties, 'expected') ?? 0;
  return clustersOf(cells.filter((cell) => (binOf(cell.properties) ?? 0) >= 2))
    .map((group): Feature => ({
      type: 'Feature',
      id: `hot-${group[0]?.id ?? ''}`,
      geometry: outlineOf(group),
      properties: { class: 'hot', n_cells: group.length, expected: group.reduce((sum, cell) => sum + expected(cell), 0) },
    }))
    .sort((one, other) => expected(other) - expected(one) || (one.id < other.id ? -1 : 1))
    .slice(0, MOST_PLACES)
    .map((place, index) => ({ ...place, properties: { ...place.properties, rank: index + 1 } }));
}

export function forecastTitle(place: Properties): string {
  const rank = numberOf(place, 'rank');
  return rank === null ? 'A place' : `Place ${quantity(rank)}`;
}

export function forecastLine(place: Properties): string {
  const expected = numberOf(place, 'expected');
  const cells = numberOf(place, 'n_cells');
  return [expected === null ? null : `${quantity(expected)} expected`, cells === null ? null : plural(cells, 'cell')]
    .filter((part) => part !== null).join(' · ') || 'No forecast';
}

export function forecastPlaceSentences(place: Properties): string[] {
  const expected = numberOf(place, 'expected');
  const cells = numberOf(place, 'n_cells');
  return [
    expected === null || cells === null
      ? 'What is expected here is not known.'
      : `About ${quantity(expected)} incidents are expected in the next period in these ${plural(cells, 'cell')}.`,
    'They are among the first 5\u00a0% of all cells. A rank is no test: it says where to look first, not that something is wrong.',
  ];
}

export function forecastCellTitle(cell: Properties): string {
  const expected = numberOf(cell, 'expected');
  return expected === null ? 'No forecast' : `${quantity(expected)} expected`;
}

export function forecastSentences(cell: Properties): string[] {
  const [expected, low, high, last, rank, cells] =
    ['expected', 'low', 'high', 'last_count', 'rank', 'n_cells'].map((name) => numberOf(cell, name) ?? null);
  if (expected === null || expected === undefined) return ['There is no forecast for this cell.'];
  return [
    `About ${plural(expected, 'incident')} ${expected === 1 ? 'is' : 'are'} expected in the next period` +
      `${low == null || high == null ? '.' : `; nine times in ten it should be between ${quantity(low)} and ${quantity(high)}.`}`,
    last == null ? null : `The last period had ${plural(last, 'incident')}.`,
    rank == null || cells == null ? null : `It is rank ${quantity(rank)} of ${quantity(cells)} cells.`,
  ].filter((sentence) => sentence !== null);
}

export function forecastSummary(cells: readonly Properties[]): string {
  const total = cells.reduce((sum, cell) => sum + (numberOf(cell, 'expected') ?? 0), 0);
  const first = cells.filter((cell) => (binOf(cell) ?? 0) >= 2);
  const held = first.reduce((sum, cell) => sum + (numberOf(cell, 'expected') ?? 0), 0);
  if (total === 0 || first.length === 0) return 'Nothing is expected in the next period, or nothing is known.';
  return `About ${plural(total, 'incident')} expected in the next period, ${quantity(held)} of them in the first ${plural(first.length, 'cell')}.`;
}
