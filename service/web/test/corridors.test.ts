import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { drawableAnalyses, findingsFrom, type Context } from '../src/analyses.ts';
import type { Feature, Items } from '../src/api.ts';
import { middleOf } from '../src/bounds.ts';
import { binOf, groupOf } from '../src/classes.ts';
import {
  corridorLine, corridorSentences, corridorSummary, corridorTitle, metres, pieceOver, pieceSentences, pieceTitle,
} from '../src/corridors.ts';
import { VIEWS } from '../src/views.ts';

const CONTEXT: Context = { alpha: 0.05, side: 'hot', k: 'auto', denominator: true, timezone: 'UTC', mean: null };

const line = (id: string, properties: object): Feature => ({
  type: 'Feature', id, properties: properties as Feature['properties'],
  geometry: { type: 'LineString', coordinates: [[0, 0], [1, 0]] },
});
const items = (features: Feature[], emberline: object = {}): Items => ({ features, timeStamp: null, emberline: emberline as Items['emberline'] });

const RURAL = {
  rank: 1, name: 'Rural Road', class: 'primary', from_street: 'E 5th St', to_street: 'E Apache Blvd', length_m: 2143, incidents: 34,
  ksi: 3, expected: 14.2, expected_eb: 31, excess: 16.8, relative_risk: 2.4, rr_low: 1.7, rr_high: 3.4, p: 0.002, p_source: 'monte-carlo',
  ksi_share: 0.12, length_share: 0.004, stability: 0.92, locations: 30, exposure: 'aadt', null_model: 'nb',
  words: '2.1 km of Rural Road: 34 crashes where 14 would be expected; p = .002',
};
const PIECE = {
  name: 'Rural Road', class: 'primary', length_m: 80.4, incidents: 3, predicted: 1.2, expected: 1.9, excess: 0.7, density_km: 21.4,
  aadt: 24_100, corridor: 1,
};

describe('corridors', () => {
  const second = { ...RURAL, rank: 2, name: null };
  const { areas, cells } = findingsFrom('corridors', items([line('b', second), line('a', RURAL)]), items([
    line('low', { ...PIECE, excess: -0.2 }), line('short', { ...PIECE, length_m: 10, excess: 0.6 }),
    line('long', { ...PIECE, length_m: 910, excess: 0.9 }), line('silent', { ...PIECE, excess: null }),
  ]));

  test('come by rank, each hot, with the class of the street kept', () => {
    assert.deepEqual(areas.map(({ id, properties }) => [id, properties['class'], properties['road_class']]), [
      ['a', 'hot', 'primary'], ['b', 'hot', 'primary'],
    ]);
  });

  test('lie over pieces of street, coloured by their place in the order of excess per length', () => {
    const shares = cells.map(({ id, properties }) => [id, properties['rank_share']]);
    const total = 80.4 * 2 + 10 + 910;
    assert.deepEqual(shares, [['low', 1], ['short', 10 / total], ['long', 920 / total], ['silent', null]]);
    assert.deepEqual(cells.map(({ properties }) => [binOf(properties), groupOf(properties)]), [
      [0, 'none'], [3, 'hot'], [0, 'none'], [null, 'untested'],
    ]);
  });

  test('are told in the words of the service, then by ends, ratio, excess, harm, chance and stability', () => {
    assert.equal(corridorTitle(RURAL), 'Rural Road');
    assert.equal(corridorLine(RURAL), '2.1 km · 34 crashes · 14 expected · p\u00a0=\u00a00.002');
    assert.deepEqual(corridorSentences(RURAL, CONTEXT), [
      '2.1 km of Rural Road: 34 crashes where 14 would be expected; p = .002.',
      'It runs from E 5th St to E Apache Blvd.',
      'For its kind of street it has 2.4 times the crashes of the rest of the network, 95\u00a0% interval 1.7 to 3.4.',
      'After allowing for chance (empirical Bayes), about 17 of them are more than such a street should have.',
      'In 3 crashes somebody was killed or seriously injured: 12\u00a0% of all such crashes on 0.4\u00a0% of the length.',
      'If there were no corridors anywhere, with risks that differ from block to block as ordinary ones do, about 1 in 500 such ' +
        'networks would have a stretch as clear in any place (p = 0.002).',
      'When the crashes are drawn again at random, at least half of it is found again 92\u00a0% of the times.',
    ]);
    assert.equal(VIEWS.corridors.area(areas[0]?.properties ?? {}, CONTEXT).over, 'Corridor 1');
  });

  test('claim no more than is known', () => {
    assert.equal(corridorTitle({ name: null, road_class: 'motorway_link' }), 'An unnamed street (motorway link)');
    assert.deepEqual(corridorSentences({}, CONTEXT), ['How many crashes lie here is not known.', 'It was not tested.']);
    const weak = { ...RURAL, words: null, from_street: null, incidents: 1, p: 0.3, excess: -1, exposure: 'class', null_model: 'poisson' };
    const told = corridorSentences(weak, CONTEXT);
    assert.equal(told[0], '2.1 km of Rural Road: 1 crash where 14 would be expected.');
    assert.equal(told[1], 'One end is at E Apache Blvd.');
    assert.match(told.join(' '), /nothing of that is left to prevent/);
    assert.match(told.join(' '), /^(?!.*block to block).*above the limit of 5\u00a0%: chance alone may explain it/);
    assert.match(told.at(-1) ?? '', /^Traffic is not known: what is expected follows class and length/);
    assert.match(corridorSentences({ ...RURAL, p_source: 'gumbel' }, CONTEXT).join(' '), /by a fitted curve/);
  });

  test('are summed up by what they hold, and by whether chance explains them', () => {
    assert.equal(
      corridorSummary([RURAL, second], CONTEXT),
      '2 corridors that chance does not explain, at 5\u00a0% for all stretches together. They hold 24\u00a0% of the crashes with killed ' +
      'or seriously injured on 0.8\u00a0% of the length.',
    );
    assert.equal(corridorSummary([{ ...RURAL, p: 0.2, ksi_share: null }], CONTEXT), '1 corridor with the largest excess.');
    assert.match(corridorSummary([], CONTEXT), /too few crashes to tell/);
  });

  test('are made of pieces that say what was counted, predicted, expected, and that they are no test', () => {
    assert.deepEqual([pieceTitle(PIECE), pieceOver(PIECE), pieceOver({})], ['Rural Road', 'Piece of street · in corridor 1', 'Piece of street']);
    assert.deepEqual(pieceSentences(PIECE), [
      '3 crashes on these 80 m, where its kind and traffic predict 1.2.',
      'Both together (empirical Bayes) let one expect 1.9 in a period as long.',
      'Smoothed along the streets there are 21 crashes per km around here.',
      'About 24,100 vehicles pass a day.',
      'A single piece is not tested; its colour is its place in the order of excess.',
    ]);
    assert.match(pieceSentences({ incidents: 0 }).join(' '), /not known/);
  });
});

test('what comes with corridors is no analysis of its own, and their roads are not drawn twice', () => {
  const found = drawableAnalyses(['x', 'x.segments', 'x.intersections', 'x.unmatched', 'x.ambiguous'].map((id) => ({ id, method: 'corridors' })));
  assert.deepEqual(found.map(({ id }) => id), ['x']);
  const layers = [{ id: 'roads', kind: 'roads' }, { id: 'city', kind: 'boundary' }];
  const with_ = (beside: Feature[]): string[] =>
    findingsFrom('corridors', items([], { layers }), items(beside)).surroundings.map(({ kind }) => kind);
  assert.deepEqual([with_([line('a', PIECE)]), with_([])], [['boundary'], ['roads', 'boundary']]);
});

test('lengths are metres below a kilometre', () => {
  assert.deepEqual([2143, 640.4, 999.7].map(metres), ['2.1 km', '640 m', '1.0 km']);
});

test('the middle of a line is halfway along it, of several lines on the longest', () => {
  assert.deepEqual(middleOf({ type: 'LineString', coordinates: [[0, 0], [3, 0], [4, 0]] }), [2, 0]);
  assert.deepEqual(middleOf({ type: 'MultiLineString', coordinates: [[[9, 0], [9, 1]], [[0, 0], [0, 4]]] }), [0, 2]);
  assert.equal(middleOf({ type: 'Point', coordinates: [0, 0] }), null);
  assert.equal(middleOf(null), null);
});
