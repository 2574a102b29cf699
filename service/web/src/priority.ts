// Priority: where several needs meet, as a score with its parts.

import type { Feature } from './api.ts';
import { binOf } from './classes.ts';
import { clustersOf, outlineOf } from './clusters.ts';
import { isObject, numberOf, objectOf, textOf, type Properties } from './properties.ts';
import { plural, quantity } from './words.ts';

const STRONG = 2;
/** Places that are listed and outlined. */
const MOST_PLACES = 25;

/** Cells of strong joint evidence that lie side by side, as places told by their first cell. */
export function priorityPlaces(cells: readonly Feature[]): Feature[] {
  const rank = (cell: Feature): number => numberOf(cell.properties, 'rank') ?? Number.POSITIVE_INFINITY;
  const byRank = [...cells].sort((one, other) => rank(one) - rank(other) || (one.id < other.id ? -1 : 1));
  const strong = byRank.filter((cell) => (binOf(cell.properties) ?? 0) >= STRONG);
  return clustersOf(strong).slice(0, MOST_PLACES).map((group, index) => ({
    type: 'Feature',
    id: `place-${group[0]?.id ?? ''}`,
    geometry: outlineOf(group),
    properties: { ...group[0]?.properties, first_rank: rank(group[0] as Feature), rank: index + 1, n_cells: group.length },
  }));
}

export function placeTitle(cell: Properties): string {
  const rank = numberOf(cell, 'rank');
  return textOf(cell, 'name') ?? (rank === null ? 'A place' : `Place ${quantity(rank)}`);
}

export function placeLine(cell: Properties): string {
  const score = numberOf(cell, 'score');
  const cells = numberOf(cell, 'n_cells');
  const parts = score === null ? [] : [`score ${cells === null || cells === 1 ? '' : 'up to '}${quantity(score)}`];
  const agreement = numberOf(cell, 'agreement');
  if (agreement !== null) parts.push(`significant in ${plural(agreement, 'layer')}`);
  if (cells !== null) parts.push(plural(cells, 'cell'));
  return parts.join(' · ') || 'No score';
}

export function placeCellTitle(cell: Properties): string {
  const score = numberOf(cell, 'score');
  return score === null ? 'No evidence' : `Score ${quantity(score)} of 100`;
}

/** What a place of several cells is; the sentences that follow are of its first cell. */
export function placeSize(place: Properties): string {
  const cells = numberOf(place, 'n_cells');
  const score = numberOf(place, 'score');
  const first = score === null ? '' : ` Its first cell has score ${quantity(score)} of 100; what follows is of that cell.`;
  return cells === null || cells === 1 ? `${placeCellTitle(place)}.` : `${plural(cells, 'cell')} side by side.${first}`;
}

export function placeSentences(cell: Properties): string[] {
  return [agreementSentence(cell), contributionSentence(cell), rankSentence(cell)].filter((sentence) => sentence !== null);
}

function agreementSentence(cell: Properties): string {
  const agreement = numberOf(cell, 'agreement');
  if (agreement === null) return 'No layer says anything of this cell.';
  return agreement === 0
    ? 'No layer is significant here on its own.'
    : `${plural(agreement, 'layer')} ${agreement === 1 ? 'is' : 'are'} significant here on ${agreement === 1 ? 'its' : 'their'} own.`;
}

function contributionSentence(cell: Properties): string | null {
  const parts = Object.entries(objectOf(cell, 'contributions'))
    .map(([layer, value]): [string, number | null] => [layer, contribution(value)])
    .filter((part): part is [string, number] => part[1] !== null)
    .sort((one, other) => other[1] - one[1]);
  return parts.length === 0 ? null : `What adds up: ${parts.map(([layer, value]) => `${layer} ${quantity(value)}`).join(', ')}.`;
}

function contribution(value: unknown): number | null {
  if (isObject(value)) return numberOf(value, 'contribution');
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function rankSentence(cell: Properties): string | null {
  const rank = numberOf(cell, 'first_rank') ?? numberOf(cell, 'rank');
  const low = numberOf(cell, 'rank_low');
  const high = numberOf(cell, 'rank_high');
  if (rank === null) return null;
  const range = low === null || high === null ? '' : low === high ? ' It keeps it under other weights as well.' : ` Under other weights it would be between ${quantity(low)} and ${quantity(high)}.`;
  return `It is rank ${quantity(rank)} of all cells.${range}`;
}

export function prioritySummary(cells: readonly Properties[]): string {
  const agreeing = cells.filter((cell) => (numberOf(cell, 'agreement') ?? 0) >= 2).length;
  return agreeing === 0
    ? 'In no cell are two layers significant on their own; the score ranks what there is.'
    : `In ${plural(agreeing, 'cell')} two or more layers are significant on their own.`;
}
