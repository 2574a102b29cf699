import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findingsFrom, type Context } from '../src/analyses.ts';
import type { Feature, Items } from '../src/api.ts';
import { clustersOf, outlineOf } from '../src/clusters.ts';
import { gapCellTitle, gapLine, gapPlaces, gapPlaceSentences, gapSentences } from '../src/gaps.ts';
import { placeLine, placeSentences, placeTitle } from '../src/priority.ts';
import { sewersheds, sewershedLine, stateSentence } from '../src/surveillance.ts';
import { VIEWS } from '../src/views.ts';

const CONTEXT: Context = { alpha: 0.05, side: 'hot', k: 'auto', denominator: true, timezone: 'UTC', mean: null };

const feature = (id: string, properties: object): Feature => ({
  type: 'Feature', id, geometry: { type: 'Point', coordinates: [0, 0] }, properties: properties as Feature['properties'],
});
const square = (id: string, west: number, properties: object): Feature => ({
  ...feature(id, properties),
  geometry: { type: 'Polygon', coordinates: [[[west, 0], [west + 1, 0], [west + 1, 1], [west, 1], [west, 0]]] },
});
const items = (features: Feature[]): Items => ({ features, timeStamp: null, emberline: {} });

const RISE = {
  sewershed: 'SW-2', name: 'Eastside', analyte: 'norfentanyl', latest: 47.31, unit: 'mg/day/1,000', baseline: 19.2,
  z: 5, p: 0.0004, q: 0.002, alarm: true, trend: 'up', trend_slope_pct: 40, last_sample: '2025-12-07T08:00:00Z', reason: null,
};
const CALM = { ...RISE, analyte: 'codeine', latest: 20, p: 0.4, q: 0.6, alarm: false, trend: 'flat' };
const SILENT = { sewershed: 'SW-9', name: 'Westside', analyte: 'codeine', latest: null, q: null, reason: 'no samples' };

describe('wastewater', () => {
  const { areas, cells } = sewersheds([feature('SW-2.codeine', CALM), feature('SW-2.norfentanyl', RISE), feature('SW-9.codeine', SILENT)]);

  test('is drawn as one shape per sewershed, by its clearest state', () => {
    assert.deepEqual(cells.map(({ id, properties }) => [id, properties['class'], properties['q']]), [
      ['SW-2', 'hot', 0.002], ['SW-9', 'none', null],
    ]);
    assert.deepEqual(areas.map(({ id, properties }) => [id, properties['rank']]), [['SW-2', 1]]);
    assert.equal(sewershedLine(areas[0]?.properties ?? {}), 'norfentanyl 2.5 × its usual level');
  });

  test('is told per analyte, those in alarm first', () => {
    const told = VIEWS.surveillance.area(areas[0]?.properties ?? {}, CONTEXT);
    assert.equal(told.title, 'Eastside');
    assert.deepEqual(told.sentences.map((sentence) => sentence.split(':')[0]), ['norfentanyl', 'codeine']);
    assert.equal(
      told.sentences[0],
      'norfentanyl: 47 mg/day/1,000 (last sample Dec 7, 2025), where its own history gives 19. ' +
      'Alarm: had nothing changed, fewer than 1 in 1,000 such campaigns would differ this much from their past (p = 0.0004; ' +
      'after allowing for the series tested together, q = 0.002). The trend is up, by 40 % in 30 days.',
    );
  });

  test('without data says why', () => assert.equal(stateSentence(SILENT, CONTEXT), 'codeine: no samples'));
});

describe('gaps', () => {
  const desert = { locations: 40, unserved: 18, underserved: 4, share_unserved: 0.45, share_eb: 0.41, p: 0.0002, q: 0.01, class: 'hot', support: 'coarser', denominator_source: 'housing units' };

  test('are told with count, share, evidence and support', () => {
    assert.deepEqual(gapSentences(desert, CONTEXT), [
      '18 of 40 locations are unserved (45\u00a0%), 4 more are underserved.',
      'Steadied against small numbers (empirical Bayes), the share is 41\u00a0%.',
      'If the share were the same everywhere, fewer than 1 in 1,000 places like this would show so clear a difference (p = 0.0002). ' +
      'It is marked: q = 0.01, within the limit of 5\u00a0%.',
      'The source counts areas larger than this cell: what is said here is true of the whole source area.',
      'Locations are counted by: housing units.',
    ]);
    assert.equal(gapLine(desert), '18 unserved of 40 (45\u00a0%)');
    assert.equal(gapCellTitle(desert), 'More unserved than elsewhere');
  });

  test('join marked cells that lie side by side to places, most unserved first', () => {
    const cells = [square('a', 0, desert), square('b', 1, { ...desert, q: 0.03 }), square('c', 5, { ...desert, unserved: 90 }), square('d', 2, { ...desert, class: 'none' })];
    const places = gapPlaces(cells);
    assert.deepEqual(places.map(({ properties }) => [properties['rank'], properties['n_cells'], properties['unserved']]), [[1, 1, 90], [2, 2, 36]]);
    assert.equal(gapLine(places[1]?.properties ?? {}), '36 unserved of 80 (45\u00a0%) · 2 cells');
    assert.match(gapPlaceSentences(places[1]?.properties ?? {})[1] ?? '', /in the clearest one q = 0.01/);
  });

  test('without counts claim none', () => {
    assert.deepEqual(gapSentences({ unserved: null, locations: 0 }, CONTEXT).slice(0, 1), ['There is no home or business here.']);
    assert.match(gapSentences({}, CONTEXT)[0] ?? '', /not known/);
  });
});

describe('priority', () => {
  const place = { score: 93.2, rank: 2, contributions: { ems: 30.1, gaps: 63.1 }, agreement: 2, rank_low: 1, rank_high: 5 };

  test('is told by agreement, parts and the reach of its rank', () => {
    assert.deepEqual(placeSentences(place), [
      '2 layers are significant here on their own.',
      'What adds up: gaps 63, ems 30.',
      'It is rank 2 of all cells. Under other weights it would be between 1 and 5.',
    ]);
    assert.equal(placeLine(place), 'score 93 · significant in 2 layers');
    assert.equal(placeTitle(place), 'Place 2');
  });

  test('joins strong cells to places, told by their first cell', () => {
    const cells = [square('a', 0, { ...place, rank: 3 }), square('b', 1, place), square('c', 2, { ...place, score: 30, rank: 9 }), square('d', 7, { ...place, rank: 1 })];
    const found = findingsFrom('priority', items(cells), items([]));
    assert.deepEqual(found.areas.map(({ properties }) => [properties['rank'], properties['first_rank'], properties['n_cells']]), [[1, 1, 1], [2, 2, 2]]);
    assert.equal(found.cells.length, 4);
    assert.match(VIEWS.priority.area(found.areas[1]?.properties ?? {}, CONTEXT).sentences[0] ?? '', /^2 cells side by side/);
  });
});

test('the line around cells leaves out the edges between them', () => {
  const cells = [square('a', 0, {}), square('b', 1, {}), square('c', 9, {})];
  assert.deepEqual(clustersOf(cells).map((group) => group.map(({ id }) => id)), [['a', 'b'], ['c']]);
  const { coordinates } = outlineOf(cells);
  assert.equal(coordinates.length, 2);
  assert.equal(coordinates[0]?.[0]?.length, 7);
  assert.deepEqual(coordinates[0]?.[0]?.[0], coordinates[0]?.[0]?.at(-1));
});
