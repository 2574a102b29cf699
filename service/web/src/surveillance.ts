// Wastewater: one state per sewershed and analyte, drawn as one shape per sewershed.

import type { Context } from './analyses.ts';
import type { Feature } from './api.ts';
import { numberOf, textOf, type Properties } from './properties.ts';
import { dayOf, figure, oneIn, percent, plural, quantity } from './words.ts';

/** Sewersheds with the states of all their analytes; `areas` are those in alarm, the clearest first. */
export function sewersheds(states: readonly Feature[]): { areas: Feature[]; cells: Feature[] } {
  const bySewershed = new Map<string, Feature[]>();
  for (const state of states) {
    const id = textOf(state.properties, 'sewershed') ?? state.id;
    bySewershed.set(id, [...(bySewershed.get(id) ?? []), state]);
  }
  const cells = [...bySewershed].map(([id, own]) => sewershed(id, own));
  const areas = cells
    .filter((cell) => textOf(cell.properties, 'class') === 'hot')
    .sort((one, other) => (numberOf(one.properties, 'q') ?? 1) - (numberOf(other.properties, 'q') ?? 1) || (one.id < other.id ? -1 : 1))
    .map((area, index) => ({ ...area, properties: { ...area.properties, rank: index + 1 } }));
  return { areas, cells };
}

/** One sewershed: its clearest state decides the colour; those in alarm stand before the others. */
function sewershed(id: string, states: readonly Feature[]): Feature {
  const first = states[0];
  const order = [...states].sort((one, other) => urgency(one.properties) - urgency(other.properties));
  const clearest = order[0]?.properties ?? {};
  const tested = order.filter((state) => numberOf(state.properties, 'q') !== null);
  return {
    type: 'Feature',
    id,
    geometry: first?.geometry ?? null,
    properties: {
      sewershed: id,
      name: textOf(clearest, 'name'),
      q: tested.length > 0 ? Math.min(...tested.map((state) => numberOf(state.properties, 'q') ?? 1)) : null,
      class: tested.some((state) => state.properties['alarm'] === true) ? 'hot' : 'none',
      states: order.map((state) => state.properties),
    },
  };
}

function urgency(state: Properties): number {
  const q = numberOf(state, 'q');
  return (state['alarm'] === true ? 0 : 2) + (q ?? 3);
}

function statesOf(sewershed: Properties): Properties[] {
  const states = sewershed['states'];
  return Array.isArray(states) ? (states as Properties[]) : [];
}

export function sewershedTitle(sewershed: Properties): string {
  return textOf(sewershed, 'name') ?? textOf(sewershed, 'sewershed') ?? 'A sewershed';
}

export function sewershedLine(sewershed: Properties): string {
  const alarmed = statesOf(sewershed).filter((state) => state['alarm'] === true);
  return alarmed.length === 0
    ? 'No alarm'
    : alarmed.map((state) => [textOf(state, 'analyte') ?? 'An analyte', timesBaseline(state)].filter(Boolean).join(' ')).join(' · ');
}

/** One paragraph per analyte, those in alarm first. */
export function sewershedSentences(sewershed: Properties, context: Context): string[] {
  return statesOf(sewershed).map((state) => stateSentence(state, context));
}

export function stateSentence(state: Properties, context: Context): string {
  const analyte = textOf(state, 'analyte') ?? 'An analyte';
  const latest = numberOf(state, 'latest');
  const reason = textOf(state, 'reason');
  if (latest === null) return `${analyte}: ${reason ?? 'no state is known.'}`;
  const unit = textOf(state, 'unit');
  const baseline = numberOf(state, 'baseline');
  const day = dayOf(textOf(state, 'last_sample'), context);
  const measured =
    `${analyte}: ${quantity(latest)}${unit === null ? '' : ` ${unit}`}` +
    `${day === null ? '' : ` (last sample ${day})`}${baseline === null ? '.' : `, where its own history gives ${quantity(baseline)}.`}`;
  return [measured, verdict(state), trend(state), reason].filter((part) => part !== null).join(' ');
}

function timesBaseline(state: Properties): string | null {
  const latest = numberOf(state, 'latest');
  const baseline = numberOf(state, 'baseline');
  return latest === null || baseline === null || baseline <= 0 ? null : `${quantity(latest / baseline)} × its usual level`;
}

function verdict(state: Properties): string {
  const p = numberOf(state, 'p');
  const q = numberOf(state, 'q');
  if (p === null || q === null) return 'It was not tested.';
  if (state['alarm'] !== true) return `No alarm: this is within what its own past leads one to expect (${figure('q', q)}).`;
  return (
    `Alarm: had nothing changed, ${oneIn(p)} such campaigns would differ this much from their past (${figure('p', p)}; ` +
    `after allowing for the series tested together, ${figure('q', q)}).`
  );
}

function trend(state: Properties): string | null {
  const slope = numberOf(state, 'trend_slope_pct');
  switch (textOf(state, 'trend')) {
    case 'up': return `The trend is up${slope === null ? '' : `, by ${quantity(slope)} % in 30 days`}.`;
    case 'down': return `The trend is down${slope === null ? '' : `, by ${quantity(-slope)} % in 30 days`}.`;
    case 'flat': return 'No clear trend.';
    default: return null;
  }
}

export function surveillanceSummary(areas: readonly Properties[], context: Context): string {
  return areas.length === 0
    ? `No sewershed is in alarm at a false-discovery rate of ${percent(context.alpha)}. That can mean nothing changed, or too few samples to tell.`
    : `${plural(areas.length, 'sewershed')} in alarm: the latest campaign does not fit its own past.`;
}
