// Broadband gaps: shares of unserved locations, by cell and by source area.

import type { Context } from './analyses.ts';
import type { Feature } from './api.ts';
import { groupOf } from './classes.ts';
import { clustersOf, outlineOf } from './clusters.ts';
import { numberOf, textOf, type Properties } from './properties.ts';
import { figure, oneIn, percent, plural, quantity } from './words.ts';

/** Cells side by side where more is unserved than elsewhere, as places; the most unserved locations first. */
export function gapPlaces(cells: readonly Feature[]): Feature[] {
  const hot = cells.filter((cell) => groupOf(cell.properties) === 'hot');
  const unserved = (place: Feature): number => numberOf(place.properties, 'unserved') ?? 0;
  return clustersOf(hot)
    .map(gapPlace)
    .sort((one, other) => unserved(other) - unserved(one) || (one.id < other.id ? -1 : 1))
    .map((place, index) => ({ ...place, properties: { ...place.properties, rank: index + 1 } }));
}

function gapPlace(cells: readonly Feature[]): Feature {
  const total = (name: string): number | null => {
    const values = cells.map((cell) => numberOf(cell.properties, name)).filter((value) => value !== null);
    return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0);
  };
  const [locations, unserved] = [total('locations'), total('unserved')];
  const q = Math.min(...cells.map((cell) => numberOf(cell.properties, 'q') ?? 1));
  const sources = new Set(cells.map((cell) => textOf(cell.properties, 'denominator_source')).filter((one) => one !== null));
  return {
    type: 'Feature',
    id: `hot-${cells[0]?.id ?? ''}`,
    geometry: outlineOf(cells),
    properties: {
      class: 'hot',
      n_cells: cells.length,
      locations,
      unserved,
      underserved: total('underserved'),
      share_unserved: locations === null || unserved === null || locations === 0 ? null : unserved / locations,
      q,
      support: cells.every((cell) => textOf(cell.properties, 'support') === 'coarser') ? 'coarser' : null,
      denominator_source: [...sources].join(', '),
    },
  };
}

export function gapTitle(place: Properties): string {
  const rank = numberOf(place, 'rank');
  return rank === null ? 'A place' : `Place ${rank}`;
}

export function gapLine(place: Properties): string {
  const unserved = numberOf(place, 'unserved');
  const locations = numberOf(place, 'locations');
  const share = numberOf(place, 'share_unserved');
  const cells = numberOf(place, 'n_cells');
  const homes = [
    unserved === null ? null : `${quantity(unserved)} unserved`,
    locations === null ? null : `of ${quantity(locations)}`,
    share === null ? null : `(${percent(share)})`,
  ].filter((part) => part !== null).join(' ') || 'No counts given';
  return cells === null ? homes : `${homes} · ${plural(cells, 'cell')}`;
}

/** What a place of several cells is: its counts, and the clearest of its cells. */
export function gapPlaceSentences(place: Properties): string[] {
  const q = numberOf(place, 'q');
  return [
    countSentence(place),
    q === null ? null : `The evidence is for its cells, not for its exact outline: in the clearest one ${figure('q', q)}.`,
    supportSentence(place),
    sourceSentence(place),
  ].filter((sentence) => sentence !== null);
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
  if (hot === 0) {
    return `No place has clearly more unserved locations than elsewhere, at a false-discovery rate of ${percent(context.alpha)}.`;
  }
  return `${plural(areas.length, 'place')} (${plural(hot, 'cell')}) with clearly more unserved locations than elsewhere.`;
}
