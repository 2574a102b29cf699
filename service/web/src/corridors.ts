// Safety corridors: stretches of street by rank, over every piece of street in the order of its excess.

import type { Context } from './analyses.ts';
import type { Feature } from './api.ts';
import { numberOf, textOf, type Properties } from './properties.ts';
import { figure, oneIn, percent, plural, quantity } from './words.ts';

/** Corridors are drawn as a rim and listed; pieces of street are coloured by their rank in excess per length. */
export function streetParts(own: readonly Feature[], beside: readonly Feature[]): { areas: Feature[]; cells: Feature[] } {
  const rank = (one: Feature): number => numberOf(one.properties, 'rank') ?? Number.POSITIVE_INFINITY;
  const areas = [...own]
    .sort((one, other) => rank(one) - rank(other) || (one.id < other.id ? -1 : 1))
    .map(({ properties, ...rest }) => ({ ...rest, properties: { ...properties, road_class: properties['class'] ?? null, class: 'hot' } }));
  return { areas, cells: rankedPieces(beside) };
}

/** Pieces with `rank_share`: the share of the network's length that has as much excess per length, or more. */
function rankedPieces(pieces: readonly Feature[]): Feature[] {
  const length = ({ properties }: Feature): number => numberOf(properties, 'length_m') ?? 0;
  const density = (piece: Feature): number | null => {
    const excess = numberOf(piece.properties, 'excess');
    return excess === null || length(piece) <= 0 ? null : excess / length(piece);
  };
  const total = pieces.reduce((sum, piece) => sum + length(piece), 0);
  const shares = new Map<string, number>();
  let before = 0;
  for (const piece of [...pieces].sort((one, other) => (density(other) ?? -Infinity) - (density(one) ?? -Infinity))) {
    before += length(piece);
    shares.set(piece.id, (density(piece) ?? 0) > 0 ? before / total : 1);
  }
  return pieces.map((piece) => ({
    ...piece,
    properties: { ...piece.properties, rank_share: density(piece) === null ? null : (shares.get(piece.id) ?? 1) },
  }));
}

export function corridorTitle(corridor: Properties): string {
  return textOf(corridor, 'name') ?? unnamed(textOf(corridor, 'road_class'));
}

export function corridorLine(corridor: Properties): string {
  const length = numberOf(corridor, 'length_m');
  const count = numberOf(corridor, 'incidents');
  const expected = numberOf(corridor, 'expected');
  const p = numberOf(corridor, 'p');
  return [
    length === null ? null : metres(length),
    count === null ? null : crashes(count),
    expected === null ? null : `${quantity(expected)} expected`,
    p === null ? null : figure('p', p).replaceAll(' ', '\u00a0'),
  ].filter((part) => part !== null).join(' · ') || 'No counts given';
}

export function corridorSentences(corridor: Properties, context: Context): string[] {
  return [
    plainSentence(corridor),
    endsSentence(corridor),
    ratioSentence(corridor),
    excessSentence(corridor),
    harmSentence(corridor),
    chanceSentence(corridor, context),
    stabilitySentence(corridor),
    exposureSentence(corridor),
  ].filter((sentence) => sentence !== null);
}

/** The service's own sentence, or one of the same kind: "2.1 km of Rural Road: 34 crashes where 14 would be expected". */
function plainSentence(corridor: Properties): string {
  const said = textOf(corridor, 'words');
  if (said !== null) return said.endsWith('.') ? said : `${said}.`;
  const length = numberOf(corridor, 'length_m');
  const count = numberOf(corridor, 'incidents');
  const expected = numberOf(corridor, 'expected');
  if (count === null) return 'How many crashes lie here is not known.';
  const stretch = length === null ? corridorTitle(corridor) : `${metres(length)} of ${corridorTitle(corridor)}`;
  return expected === null
    ? `${stretch}: ${crashes(count)}; how many would be expected is not known.`
    : `${stretch}: ${crashes(count)} where ${quantity(expected)} would be expected.`;
}

function endsSentence(corridor: Properties): string | null {
  const from = textOf(corridor, 'from_street');
  const to = textOf(corridor, 'to_street');
  if (from !== null && to !== null) return `It runs from ${from} to ${to}.`;
  return from === null && to === null ? null : `One end is at ${from ?? to}.`;
}

function ratioSentence(corridor: Properties): string | null {
  const risk = numberOf(corridor, 'relative_risk');
  if (risk === null) return null;
  const low = numberOf(corridor, 'rr_low');
  const high = numberOf(corridor, 'rr_high');
  const interval = low === null || high === null ? '' : `, 95\u00a0% interval ${quantity(low)} to ${quantity(high)}`;
  return `For its kind of street it has ${quantity(risk)} times the crashes of the rest of the network${interval}.`;
}

function excessSentence(corridor: Properties): string | null {
  const excess = numberOf(corridor, 'excess');
  if (excess === null) return null;
  return excess <= 0
    ? 'After allowing for chance (empirical Bayes) nothing of that is left to prevent.'
    : `After allowing for chance (empirical Bayes), about ${quantity(excess)} of them are more than such a street should have.`;
}

function harmSentence(corridor: Properties): string | null {
  const ksi = numberOf(corridor, 'ksi');
  if (ksi === null) return null;
  const share = numberOf(corridor, 'ksi_share');
  const length = numberOf(corridor, 'length_share');
  const part = share === null || length === null ? '' : `: ${percent(share)} of all such crashes on ${percent(length)} of the length`;
  return `In ${crashes(ksi)} somebody was killed or seriously injured${part}.`;
}

function chanceSentence(corridor: Properties, context: Context): string {
  const p = numberOf(corridor, 'p');
  if (p === null) return 'It was not tested.';
  const against = textOf(corridor, 'null_model') === 'nb' ? ', with risks that differ from block to block as ordinary ones do' : '';
  const source = textOf(corridor, 'p_source') === 'gumbel' ? ', by a fitted curve beyond what the simulated networks resolve' : '';
  const chance =
    `If there were no corridors anywhere${against}, ${oneIn(p)} such networks would have a stretch as clear in any place (${figure('p', p)}${source}).`;
  return p <= context.alpha ? chance : `${chance} That is above the limit of ${percent(context.alpha)}: chance alone may explain it.`;
}

function stabilitySentence(corridor: Properties): string | null {
  const stability = numberOf(corridor, 'stability');
  return stability === null ? null : `When the crashes are drawn again at random, at least half of it is found again ${percent(stability)} of the times.`;
}

function exposureSentence(corridor: Properties): string | null {
  const exposure = textOf(corridor, 'exposure');
  if (exposure !== 'class' && exposure !== 'length') return null;
  const basis = exposure === 'class' ? 'class and length of streets' : 'the length of streets alone';
  return `Traffic is not known: what is expected follows ${basis}, so it may only be busier than others.`;
}

export function pieceTitle(piece: Properties): string {
  return textOf(piece, 'name') ?? unnamed(textOf(piece, 'class'));
}

export function pieceOver(piece: Properties): string {
  const corridor = numberOf(piece, 'corridor');
  return corridor === null ? 'Piece of street' : `Piece of street · in corridor ${quantity(corridor)}`;
}

export function pieceSentences(piece: Properties): string[] {
  const count = numberOf(piece, 'incidents');
  const length = numberOf(piece, 'length_m');
  const predicted = numberOf(piece, 'predicted');
  const expected = numberOf(piece, 'expected');
  const density = numberOf(piece, 'density_km');
  const aadt = numberOf(piece, 'aadt');
  if (count === null) return ['How many crashes lie here is not known.'];
  const where = length === null ? 'here' : `on these ${metres(length)}`;
  return [
    predicted === null
      ? `${crashes(count)} ${where}; how many such a street has is not known.`
      : `${crashes(count)} ${where}, where its kind and traffic predict ${quantity(predicted)}.`,
    expected === null ? null : `Both together (empirical Bayes) let one expect ${quantity(expected)} in a period as long.`,
    density === null ? null : `Smoothed along the streets there are ${quantity(density)} crashes per km around here.`,
    aadt === null ? 'Its traffic is not known.' : `About ${quantity(aadt)} vehicles pass a day.`,
    'A single piece is not tested; its colour is its place in the order of excess.',
  ].filter((sentence) => sentence !== null);
}

export function corridorSummary(areas: readonly Properties[], context: Context): string {
  if (areas.length === 0) {
    return `No corridor stands out at ${percent(context.alpha)}. That can mean that risk is even for streets of a kind, or too few crashes to tell.`;
  }
  const sum = (name: string): number | null => areas.reduce<number | null>((total, area) => {
    const value = numberOf(area, name);
    return total === null || value === null ? null : total + value;
  }, 0);
  const share = sum('ksi_share');
  const length = sum('length_share');
  const held = share === null || length === null
    ? ''
    : ` ${areas.length === 1 ? 'It holds' : 'They hold'} ${percent(share)} of the crashes with killed or seriously injured on ${percent(length)} of the length.`;
  const clear = areas.every((area) => (numberOf(area, 'p') ?? 1) <= context.alpha);
  return clear
    ? `${plural(areas.length, 'corridor')} that chance does not explain, at ${percent(context.alpha)} for all stretches together.${held}`
    : `${plural(areas.length, 'corridor')} with the largest excess.${held}`;
}

/** "2.1 km", "640 m". */
export function metres(length: number): string {
  return Math.round(length) >= 1000 ? `${(length / 1000).toFixed(1)} km` : `${Math.round(length)} m`;
}

function crashes(count: number): string {
  return `${quantity(count)} ${count === 1 ? 'crash' : 'crashes'}`;
}

function unnamed(roadClass: string | null): string {
  return roadClass === null ? 'An unnamed street' : `An unnamed street (${roadClass.replaceAll('_', ' ')})`;
}
