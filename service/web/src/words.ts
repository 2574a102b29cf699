// Properties turned into sentences: pure functions of values. What is not known is said to be unknown,
// and nothing is claimed that p and q do not carry.

import type { Context } from './analyses.ts';
import { binOf, groupOf } from './classes.ts';
import { isObject, numberOf, textOf, type Properties } from './properties.ts';

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const DAY: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'short', year: 'numeric' };
const MINUTE: Intl.DateTimeFormatOptions = { ...DAY, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };

export function areaTitle(area: Properties): string {
  const rank = numberOf(area, 'rank');
  const kind = textOf(area, 'class') === 'cold' ? 'Cold spot' : 'Hot spot';
  return textOf(area, 'name') ?? (rank === null ? kind : `${kind} ${rank}`);
}

/** The line under an area's title in the list. */
export function areaLine(area: Properties): string {
  const parts: string[] = [];
  const count = numberOf(area, 'count');
  const expected = numberOf(area, 'expected');
  if (count !== null) parts.push(plural(count, 'incident'));
  if (expected !== null) parts.push(`${quantity(expected)} expected`);
  const size = numberOf(area, 'area_km2');
  if (size !== null) parts.push(`${quantity(size)} km²`);
  return parts.join(' · ') || 'No counts given';
}

/** What an area is, in order of importance. */
export function areaSentences(area: Properties, context: Context): string[] {
  return [
    countSentence(area, context, 'here'),
    excessSentence(area),
    areaEvidence(area),
    shareSentence(area),
    periodSentence(area, context),
    categorySentence(area),
    sinceSentence(area, context),
  ].filter((sentence) => sentence !== null);
}

export function cellTitle(cell: Properties): string {
  const group = groupOf(cell);
  const bin = binOf(cell) ?? 0;
  if (group === 'hot') return 'Part of a hot spot';
  if (group === 'cold') return 'Part of a cold spot';
  if (group === 'untested') return 'Not tested';
  if (bin === 0) return 'No clear difference';
  return bin > 0 ? 'More than expected, but too weak to be marked' : 'Fewer than expected, but too weak to be marked';
}

export function cellSentences(cell: Properties, context: Context): string[] {
  return [
    countSentence(cell, context, 'in this cell', context.mean),
    riskSentence(cell),
    neighbourhoodSentence(cell, context),
    chanceSentence(cell, context),
    verdictSentence(cell, context),
    edgeSentence(cell),
  ].filter((sentence) => sentence !== null);
}

/** The finding as a whole, in one or two sentences. */
export function summary(areas: readonly Properties[], context: Context): string {
  const hot = areas.filter((area) => textOf(area, 'class') !== 'cold');
  const cold = areas.length - hot.length;
  if (areas.length === 0) {
    return (
      `No area stands out at a false-discovery rate of ${percent(context.alpha)}. ` +
      'That can mean an even spread, or too few incidents to tell.'
    );
  }
  const found = [
    hot.length > 0 ? plural(hot.length, 'hot spot') : '',
    cold > 0 ? plural(cold, 'cold spot') : '',
  ].filter(Boolean);
  const share = sum(hot, 'share_of_count');
  const size = sum(hot, 'share_of_area');
  const hold =
    hot.length > 0 && share !== null && size !== null
      ? ` ${hot.length === 1 ? 'The hot spot holds' : 'The hot spots hold'} ${percent(share)} of all incidents on ${percent(size)} of the study area.`
      : '';
  return `${found.join(' and ')} found.${hold}`;
}

/** How the legend's evidence relates to what is called a hot spot. */
export function thresholdSentence(context: Context): string {
  return (
    `A cell counts as ${context.side === 'cold' ? 'part of a cold spot' : 'part of a hot spot'} at q ≤ ${percent(context.alpha)}: ` +
    `of all cells marked so, at most about ${outOf(context.alpha)} are expected to be false alarms.`
  );
}

/** A day in the layer's timezone; null when it cannot be read. */
export function dayOf(text: string | null, context: Context): string | null {
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) ? null : inZone(time, DAY, context);
}

/** A time of the data in words; null when it cannot be read. */
export function dataTime(timeStamp: string | null, context: Context): string | null {
  const time = timeStamp === null ? Number.NaN : Date.parse(timeStamp);
  return Number.isNaN(time) ? null : `${inZone(time, MINUTE, context)} ${zoneName(context)}`;
}

/** "fewer than 1 in 1,000" and the like, for a probability. Never rounded towards the smaller claim. */
export function oneIn(p: number): string {
  if (p >= 0.995) return 'practically all';
  if (p >= 0.095) return `about ${WHOLE.format(Math.round(p * 100))} in 100`;
  if (p >= 0.001) return `about 1 in ${WHOLE.format(twoDigitsDown(1 / p))}`;
  const power = Math.min(6, Math.floor(-Math.log10(Math.max(p, 1e-9)) + 1e-9));
  return `fewer than 1 in ${WHOLE.format(10 ** power)}`;
}

/** Rounded down to two significant digits, so that "1 in so many" never claims too much. */
function twoDigitsDown(value: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(value) + 1e-9) - 1);
  return Math.floor(value / unit + 1e-9) * unit;
}

/** A figure as people say it: whole from 10 on, one decimal from 1, two significant digits below. */
export function quantity(value: number): string {
  const size = Math.abs(value);
  if (size >= 9.95) return WHOLE.format(value);
  if (size >= 0.995) return new Intl.NumberFormat('en', { maximumFractionDigits: 1 }).format(value);
  return new Intl.NumberFormat('en', { maximumSignificantDigits: 2 }).format(value);
}

export function percent(share: number): string {
  return `${quantity(share * 100)}\u00a0%`;
}

export function plural(count: number, noun: string): string {
  return `${quantity(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** "q = 0.004", or "q < 0.000001" where more would be false precision. */
export function figure(name: 'p' | 'q', value: number): string {
  const text = new Intl.NumberFormat('en', { maximumSignificantDigits: 2 }).format(value);
  return value < 1e-6 ? `${name} < 0.000001` : `${name} = ${text}`;
}

function countSentence(feature: Properties, context: Context, where: string, mean: number | null = null): string {
  const count = numberOf(feature, 'count');
  const expected = numberOf(feature, 'expected') ?? mean;
  if (count === null) return `How many incidents lie ${where} is not known.`;
  if (expected === null) return `${plural(count, 'incident')} ${where}; how many would be expected is not known.`;
  const basis = context.denominator
    ? 'if incidents followed the population'
    : 'if incidents were spread evenly over the study area';
  return `${plural(count, 'incident')} ${where}, where about ${quantity(expected)} would be expected ${basis}.`;
}

function excessSentence(area: Properties): string | null {
  const excess = numberOf(area, 'excess');
  const count = numberOf(area, 'count');
  const expected = numberOf(area, 'expected');
  if (excess === null) return null;
  const times = count !== null && expected !== null && expected > 0 ? count / expected : null;
  if (excess < 0) return `That is ${quantity(-excess)} fewer than expected.`;
  return times === null || times < 1
    ? `That is ${quantity(excess)} more than expected.`
    : `That is ${quantity(excess)} more than expected, ${quantity(times)} times as many.`;
}

function areaEvidence(area: Properties): string {
  const q = numberOf(area, 'min_q');
  if (q === null) return 'How strong the evidence is, is not known.';
  return (
    `The evidence is for its cells, not for its exact outline: in the clearest one ${figure('q', q)}. ` +
    `Of all cells at least as clear, ${bound(q)} are expected to be false alarms.`
  );
}

function shareSentence(area: Properties): string | null {
  const share = numberOf(area, 'share_of_count');
  const size = numberOf(area, 'share_of_area');
  const km2 = numberOf(area, 'area_km2');
  const cells = numberOf(area, 'n_cells');
  if (share !== null && size !== null) {
    const extent = km2 === null ? '' : ` (${quantity(km2)} km²${cells === null ? '' : `, ${plural(cells, 'cell')}`})`;
    return `It holds ${percent(share)} of all incidents on ${percent(size)} of the study area${extent}.`;
  }
  return km2 === null ? null : `It covers ${quantity(km2)} km²${cells === null ? '' : ` in ${plural(cells, 'cell')}`}.`;
}

function inZone(time: number, form: Intl.DateTimeFormatOptions, context: Context): string {
  return new Intl.DateTimeFormat('en', { ...form, timeZone: context.timezone }).format(time);
}

function zoneName(context: Context): string {
  return context.timezone === 'UTC' ? 'UTC' : `(${context.timezone.replaceAll('_', ' ')})`;
}

function periodSentence(area: Properties, context: Context): string | null {
  const first = Date.parse(textOf(area, 'first_time') ?? '');
  const last = Date.parse(textOf(area, 'last_time') ?? '');
  if (Number.isNaN(first) || Number.isNaN(last)) return 'When its incidents happened is not known.';
  const from = inZone(first, DAY, context);
  const to = inZone(last, DAY, context);
  return from === to ? `All its incidents are of ${from}.` : `Its first incident is of ${from}, its last of ${to}.`;
}

function categorySentence(area: Properties): string | null {
  const categories = categoriesOf(area['top_categories']);
  return categories.length === 0 ? null : `Most frequent: ${categories.slice(0, 3).join(', ')}.`;
}

/** Names of categories with their counts, whichever of the usual shapes they come in. */
function categoriesOf(value: unknown): string[] {
  if (isObject(value)) return Object.entries(value).map(([name, count]) => named(name, count));
  if (!Array.isArray(value)) return [];
  return value.map((one: unknown) => {
    if (Array.isArray(one)) return named(one[0], one[1]);
    if (isObject(one)) return named(one['category'] ?? one['name'], one['count'] ?? one['n']);
    return named(one, null);
  }).filter((text) => text !== '');
}

function named(name: unknown, count: unknown): string {
  if (typeof name !== 'string' && typeof name !== 'number') return '';
  return typeof count === 'number' && Number.isFinite(count) ? `${name} (${quantity(count)})` : String(name);
}

function sinceSentence(area: Properties, context: Context): string | null {
  const since = Date.parse(textOf(area, 'since') ?? '');
  return Number.isNaN(since) ? null : `Known since ${inZone(since, DAY, context)}.`;
}

function riskSentence(cell: Properties): string | null {
  const risk = numberOf(cell, 'relative_risk');
  return risk === null ? null : `Relative to its population that is ${quantity(risk)} times the overall rate.`;
}

function neighbourhoodSentence(cell: Properties, context: Context): string | null {
  const neighbors = numberOf(cell, 'neighbors');
  const ring = numberOf(cell, 'ring');
  if (neighbors === null || ring === null) return null;
  const chosen = context.k === 'auto' ? ' Of rings 1 to 3 this one is the clearest; p and q allow for that choice.' : '';
  return (
    `It is judged together with the cells around it: ${plural(neighbors, 'cell')} ` +
    `within ${plural(ring, 'step')}, itself included.${chosen}`
  );
}

function chanceSentence(cell: Properties, context: Context): string | null {
  const p = numberOf(cell, 'p');
  if (groupOf(cell) === 'untested' || p === null) return null;
  const z = numberOf(cell, 'z');
  const cold = context.side === 'cold' || (context.side === 'both' && z !== null && z < 0);
  const level = cold ? 'low' : 'high';
  const extreme = context.k === 'auto' ? `such clear signs of a ${level} count` : `so ${level} a count`;
  const method = textOf(cell, 'p_method');
  const chance = method === null || method === 'exact' || method === 'monte-carlo'
    ? `If the same counts were scattered over the cells at random, ${oneIn(p)} such maps would show ${extreme} around this place`
    : `If there were no clustering, ${oneIn(p)} maps would show ${extreme} around this place by the ${methodName(method)}`;
  return `${chance} (${figure('p', p)}).`;
}

function methodName(method: string): string {
  return method === 'normal' ? 'normal approximation' : `${method.replace('-', ' ')} model`;
}

function verdictSentence(cell: Properties, context: Context): string {
  const q = numberOf(cell, 'q');
  if (q === null) return 'This cell was not tested, so nothing is known about it beyond its count.';
  const group = groupOf(cell);
  if (group === 'none') {
    return (
      `After allowing for all the cells that were tested (${figure('q', q)}) this is too weak to be marked. ` +
      'It does not show that nothing is here.'
    );
  }
  return (
    `It is marked as ${group}: ${figure('q', q)}, within the limit of ${percent(context.alpha)}. ` +
    `Of all cells at least as clear, ${bound(q)} are expected to be false alarms.`
  );
}

function edgeSentence(cell: Properties): string | null {
  return cell['edge'] === true
    ? 'It lies at the edge of the study area: part of its surroundings is outside and was not seen.'
    : null;
}

/** An upper bound on a share of false alarms, in words. */
function bound(q: number): string {
  const words = oneIn(q);
  return words.startsWith('fewer') ? words : `at most ${words}`;
}

function outOf(share: number): string {
  return oneIn(share).replace(/^about /, '');
}

function sum(features: readonly Properties[], name: string): number | null {
  const values = features.map((feature) => numberOf(feature, name));
  return values.every((value) => value !== null) ? values.reduce((total, value) => total + value, 0) : null;
}
