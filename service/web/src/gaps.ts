// Broadband gaps: shares of unserved locations, by cell and by source area.

import type { Context } from './analyses.ts';
import type { Feature } from './api.ts';
import { groupOf } from './classes.ts';
import { numberOf, textOf, type Properties } from './properties.ts';
import { figure, oneIn, percent, plural, quantity } from './words.ts';

const MOST_AREAS = 100;

/** Source areas where more is unserved than elsewhere, the most locations first. */
export function gapAreas(areas: readonly Feature[]): Feature[] {
  const unserved = (area: Feature): number => numberOf(area.properties, 'unserved') ?? 0;
  return areas
    .filter((area) => groupOf(area.properties) === 'hot')
    .sort((one, other) => unserved(other) - unserved(one) || (one.id < other.id ? -1 : 1))
    .slice(0, MOST_AREAS)
    .map((area, index) => ({ ...area, properties: { ...area.properties, rank: index + 1 } }));
}

export function gapTitle(area: Properties): string {
  return textOf(area, 'name') ?? textOf(area, 'area') ?? 'A source area';
}

export function gapLine(area: Properties): string {
  const unserved = numberOf(area, 'unserved');
  const locations = numberOf(area, 'locations');
  const share = numberOf(area, 'share_unserved');
  return [
    unserved === null ? null : `${quantity(unserved)} unserved`,
    locations === null ? null : `of ${quantity(locations)}`,
    share === null ? null : `(${percent(share)})`,
  ].filter((part) => part !== null).join(' ') || 'No counts given';
}

export function gapCellTitle(cell: Properties): string {
  switch (groupOf(cell)) {
    case 'hot': return 'More unserved than elsewhere';
    case 'cold': return 'Fewer unserved than elsewhere';
    case 'untested': return 'Not tested';
    default: return 'No clear difference';
  }
}

export function gapSentences(place: Properties, context: Context): string[] {
  return [countSentence(place), steadiedSentence(place), chanceSentence(place, context), supportSentence(place), sourceSentence(place)]
    .filter((sentence) => sentence !== null);
}

function countSentence(place: Properties): string {
  const locations = numberOf(place, 'locations');
  const unserved = numberOf(place, 'unserved');
  const underserved = numberOf(place, 'underserved');
  const share = numberOf(place, 'share_unserved');
  if (locations === 0) return 'There is no home or business here.';
  if (unserved === null) {
    return share === null ? 'How many locations are unserved is not known.' : `${percent(share)} are unserved; of how many locations is not known.`;
  }
  const of = locations === null ? '' : ` of ${quantity(locations)}`;
  const under = underserved === null ? '' : `, ${quantity(underserved)} more are underserved`;
  return `${quantity(unserved)}${of} locations are unserved${share === null ? '' : ` (${percent(share)})`}${under}.`;
}

function steadiedSentence(place: Properties): string | null {
  const steadied = numberOf(place, 'share_eb');
  return steadied === null
    ? null
    : `Steadied against small numbers (empirical Bayes), the share is ${percent(steadied)}.`;
}

function chanceSentence(place: Properties, context: Context): string {
  const q = numberOf(place, 'q');
  if (q === null) return textOf(place, 'reason') ?? 'It was not tested.';
  const p = numberOf(place, 'p');
  const chance = p === null ? '' : `If the share were the same everywhere, ${oneIn(p)} places like this would show so clear a difference (${figure('p', p)}). `;
  const group = groupOf(place);
  return group === 'none'
    ? `${chance}After allowing for all places that were tested (${figure('q', q)}) this is too weak to be marked.`
    : `${chance}It is marked: ${figure('q', q)}, within the limit of ${percent(context.alpha)}.`;
}

function supportSentence(place: Properties): string | null {
  return textOf(place, 'support') === 'coarser'
    ? 'The source counts areas larger than this cell: what is said here is true of the whole source area.'
    : null;
}

function sourceSentence(place: Properties): string | null {
  const source = textOf(place, 'denominator_source');
  return source === null ? null : `Locations are counted by: ${source}.`;
}

export function gapsSummary(areas: readonly Properties[], cells: readonly Properties[], context: Context): string {
  const hot = cells.filter((cell) => groupOf(cell) === 'hot').length;
  if (hot === 0 && areas.length === 0) {
    return `No place has clearly more unserved locations than elsewhere, at a false-discovery rate of ${percent(context.alpha)}.`;
  }
  const listed = areas.length === 0 ? '' : ` and ${plural(areas.length, 'source area')}`;
  return `${plural(hot, 'cell')}${listed} with clearly more unserved locations than elsewhere.`;
}
