// Clusters by density (DBSCAN, HDBSCAN): incidents close together. Nothing is tested, and no sentence says otherwise.

import type { Context } from './analyses.ts';
import type { Feature } from './api.ts';
import { numberOf, textOf, type Properties } from './properties.ts';
import { dayOf, percent, plural, quantity } from './words.ts';

/** The clusters by their label, which is the order of their counts; each is filled and outlined. */
export function densityClusters(own: readonly Feature[]): { areas: Feature[]; cells: Feature[] } {
  const label = (one: Feature): number => numberOf(one.properties, 'label') ?? Number.POSITIVE_INFINITY;
  const cells = [...own].sort((one, other) => label(one) - label(other) || (one.id < other.id ? -1 : 1));
  const areas = cells.map((one) => ({ ...one, properties: { ...one.properties, class: 'hot', rank: one.properties['label'] } }));
  return { areas, cells };
}

export function densityTitle(cluster: Properties): string {
  const label = numberOf(cluster, 'label');
  return textOf(cluster, 'name') ?? (label === null ? 'A cluster' : `Cluster ${quantity(label)}`);
}

export function densityLine(cluster: Properties): string {
  const count = numberOf(cluster, 'count');
  const size = numberOf(cluster, 'area_km2');
  return [count === null ? null : plural(count, 'incident'), size === null ? null : `${quantity(size)} km²`]
    .filter((part) => part !== null).join(' · ') || 'No counts given';
}

export function densitySentences(cluster: Properties, context: Context): string[] {
  return [
    countSentence(cluster),
    periodSentence(cluster, context),
    categorySentence(cluster),
    pileSentence(cluster),
    'Incidents lie close together here. That is no test: where many people are, chance alone makes clusters.',
  ].filter((sentence) => sentence !== null);
}

function countSentence(cluster: Properties): string {
  const count = numberOf(cluster, 'count');
  const places = numberOf(cluster, 'n_places');
  const density = numberOf(cluster, 'density_km2');
  if (count === null) return 'How many incidents lie here is not known.';
  return `${plural(count, 'incident')} here${places === null ? '' : ` on ${plural(places, 'coordinate')}`}` +
    `${density === null ? '' : `, ${quantity(density)} for each km² of the outline`}.`;
}

function periodSentence(cluster: Properties, context: Context): string {
  const from = dayOf(textOf(cluster, 'first_time'), context);
  const to = dayOf(textOf(cluster, 'last_time'), context);
  if (from === null || to === null) return 'When its incidents happened is not known.';
  return from === to ? `All its incidents are of ${from}.` : `Its first incident is of ${from}, its last of ${to}.`;
}

function categorySentence(cluster: Properties): string | null {
  const categories = cluster['top_categories'];
  const names = Array.isArray(categories) ? categories.filter((one) => typeof one === 'string') : [];
  return names.length === 0 ? null : `Most frequent: ${names.slice(0, 3).join(', ')}.`;
}

function pileSentence(cluster: Properties): string | null {
  const share = numberOf(cluster, 'pile_share');
  return share === null || share === 0
    ? null
    : `${percent(share)} of them lie on single coordinates with very many: a busy address, or what a geocoder falls back on.`;
}

export function densitySummary(areas: readonly Properties[]): string {
  if (areas.length === 0) return 'No cluster: nowhere are so many incidents so close together.';
  return `${plural(areas.length, 'cluster')} of incidents close together; nothing was tested.`;
}
