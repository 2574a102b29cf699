// Priority: where several needs meet, as a score with its parts.

import { isObject, numberOf, objectOf, textOf, type Properties } from './properties.ts';
import { plural, quantity } from './words.ts';

export function placeTitle(cell: Properties): string {
  const rank = numberOf(cell, 'rank');
  return textOf(cell, 'name') ?? (rank === null ? 'A place' : `Place ${quantity(rank)}`);
}

export function placeLine(cell: Properties): string {
  const score = numberOf(cell, 'score');
  const parts = score === null ? [] : [`score ${quantity(score)}`];
  const agreement = numberOf(cell, 'agreement');
  if (agreement !== null) parts.push(`significant in ${plural(agreement, 'layer')}`);
  return parts.join(' · ') || 'No score';
}

export function placeCellTitle(cell: Properties): string {
  const score = numberOf(cell, 'score');
  return score === null ? 'No evidence' : `Score ${quantity(score)} of 100`;
}

export function placeSentences(cell: Properties): string[] {
  return [agreementSentence(cell), contributionSentence(cell), rankSentence(cell)].filter((sentence) => sentence !== null);
}

function agreementSentence(cell: Properties): string {
  const agreement = numberOf(cell, 'agreement');
  if (agreement === null) return 'No layer says anything of this place.';
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
  const rank = numberOf(cell, 'rank');
  const low = numberOf(cell, 'rank_low');
  const high = numberOf(cell, 'rank_high');
  if (rank === null) return null;
  const range = low === null || high === null ? '' : low === high ? ' It keeps it under other weights as well.' : ` Under other weights it would be between ${quantity(low)} and ${quantity(high)}.`;
  return `It is rank ${quantity(rank)} of all places.${range}`;
}

export function prioritySummary(cells: readonly Properties[]): string {
  const agreeing = cells.filter((cell) => (numberOf(cell, 'agreement') ?? 0) >= 2).length;
  return agreeing === 0
    ? 'At no place are two layers significant on their own; the score ranks what there is.'
    : `At ${plural(agreeing, 'place')} two or more layers are significant on their own.`;
}
