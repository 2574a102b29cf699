// The scan statistic: clusters in space and time, each with one p as a whole.

import type { Context } from './analyses.ts';
import type { Feature } from './api.ts';
import { numberOf, textOf, type Properties } from './properties.ts';
import { dayOf, figure, oneIn, percent, plural, quantity } from './words.ts';

/** All clusters are drawn; those that are significant are outlined and listed. */
export function scanClusters(own: readonly Feature[]): { areas: Feature[]; cells: Feature[] } {
  const rank = (one: Feature): number => numberOf(one.properties, 'rank') ?? Number.POSITIVE_INFINITY;
  const cells = [...own].sort((one, other) => rank(one) - rank(other) || (one.id < other.id ? -1 : 1));
  const areas = cells
    .filter((cluster) => cluster.properties['significant'] === true)
    .map((cluster) => ({ ...cluster, properties: { ...cluster.properties, class: 'hot' } }));
  return { areas, cells };
}

export function scanTitle(cluster: Properties): string {
  const rank = numberOf(cluster, 'rank');
  return textOf(cluster, 'name') ?? (rank === null ? 'A cluster' : `Cluster ${quantity(rank)}`);
}

export function scanLine(cluster: Properties): string {
  const count = numberOf(cluster, 'count');
  const expected = numberOf(cluster, 'expected');
  const p = numberOf(cluster, 'p');
  return [
    count === null ? null : plural(count, 'case'),
    expected === null ? null : `${quantity(expected)} expected`,
    p === null ? null : figure('p', p),
  ].filter((part) => part !== null).join(' · ') || 'No counts given';
}

export function scanSentences(cluster: Properties, context: Context): string[] {
  return [
    countSentence(cluster),
    windowSentence(cluster, context),
    chanceSentence(cluster, context),
    recurrenceSentence(cluster),
    'The disk is the one that stands out most among all that were tried: its rim is no exact border.',
  ].filter((sentence) => sentence !== null);
}

function countSentence(cluster: Properties): string {
  const count = numberOf(cluster, 'count');
  const expected = numberOf(cluster, 'expected');
  const risk = numberOf(cluster, 'relative_risk');
  if (count === null) return 'How many cases lie here is not known.';
  if (expected === null) return `${plural(count, 'case')} here; how many would be expected is not known.`;
  const times = risk === null ? '' : ` Inside, the rate is ${quantity(risk)} times that outside.`;
  return `${plural(count, 'case')} here, where about ${quantity(expected)} would be expected.${times}`;
}

function windowSentence(cluster: Properties, context: Context): string | null {
  const from = dayOf(textOf(cluster, 'window_start'), context);
  const to = dayOf(textOf(cluster, 'window_end'), context);
  if (from === null || to === null) return null;
  return from === to ? `The cases are of ${from}.` : `The cases are of ${from} to ${to}.`;
}

function chanceSentence(cluster: Properties, context: Context): string {
  const p = numberOf(cluster, 'p');
  if (p === null) return 'It was not tested.';
  const source = textOf(cluster, 'p_source') === 'gumbel' ? ', by a fitted curve beyond what the simulated maps resolve' : '';
  const chance =
    `If there were no clusters anywhere, ${oneIn(p)} such maps would have one as clear in any place and window looked at (${figure('p', p)}${source}).`;
  return cluster['significant'] === true
    ? chance
    : `${chance} That is above the limit of ${percent(context.alpha)}: chance alone may explain it.`;
}

function recurrenceSentence(cluster: Properties): string | null {
  const days = numberOf(cluster, 'recurrence_days');
  if (days === null || days <= 0) return null;
  const wait = days >= 730 ? plural(Math.floor(days / 365.25), 'year') : plural(Math.floor(days), 'day');
  return `Looking once a period, chance alone would raise so clear a signal about every ${wait}.`;
}

export function scanSummary(areas: readonly Properties[], context: Context): string {
  return areas.length === 0
    ? `No cluster is significant at ${percent(context.alpha)}. That can mean nothing is there, or too few cases to tell.`
    : `${plural(areas.length, 'cluster')} that chance does not explain, at ${percent(context.alpha)} for all places and windows together.`;
}
