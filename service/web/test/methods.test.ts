import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { drawableAnalyses, findingsFrom, METHODS, type Context } from '../src/analyses.ts';
import type { Feature, Items } from '../src/api.ts';
import { binOf, GROUP_NAMES, groupOf, legendParts } from '../src/classes.ts';
import { densitySentences, densitySummary } from '../src/density.ts';
import { emergingCellTitle, emergingLine, emergingPlaceSentences, emergingSentences, emergingSummary, emergingTitle } from '../src/emerging.ts';
import { forecastSentences, forecastSummary } from '../src/forecast.ts';
import { outlierCellTitle, outlierPlaceSentences, outlierSentences, outlierSummary } from '../src/outliers.ts';
import { scanLine, scanSentences, scanSummary } from '../src/scan.ts';
import { VIEWS } from '../src/views.ts';

const CONTEXT: Context = { alpha: 0.05, side: 'both', k: 'auto', denominator: true, timezone: 'UTC', mean: null };

const square = (id: string, west: number, properties: object): Feature => ({
  type: 'Feature', id, properties: properties as Feature['properties'],
  geometry: { type: 'Polygon', coordinates: [[[west, 0], [west + 1, 0], [west + 1, 1], [west, 1], [west, 0]]] },
});
const items = (features: Feature[]): Items => ({ features, timeStamp: null, emberline: {} });
const ranked = (features: Feature[]): unknown[] => features.map(({ id, properties }) => [id, properties['rank'], properties['n_cells']]);

describe('emerging', () => {
  const fresh = {
    pattern: 'new hot spot', short: 'emerging', reason: 'Hot in the last bin, for the first time in 36 bins.', count: 40, last_count: 9,
    trend_z: 2.5, trend_p: 0.012, share_hot: 1 / 36, share_cold: 0, last_bin: 3, bins: [],
  };
  const steady = { ...fresh, pattern: 'persistent hot spot', short: 'persistent', count: 900, trend_z: 0.1, trend_p: 0.9 };
  const cold = { ...fresh, pattern: 'sporadic cold spot', short: 'intermittent' };
  const former = { ...fresh, pattern: 'historical hot spot', short: 'former' };
  const none = { ...fresh, pattern: 'no pattern detected', short: 'none', reason: 'Neither hot nor cold in any of 36 bins.', trend_z: null, trend_p: null };
  const silent = { ...none, reason: 'No answer: its disk is the whole area.' };
  const all = [fresh, steady, cold, former, none, silent];

  test('is coloured by its short label and its side', () => {
    assert.deepEqual(all.map(binOf), [3, 2, -1, null, 0, null]);
    assert.deepEqual(all.map(groupOf), ['hot', 'hot', 'cold', 'untested', 'none', 'untested']);
    assert.equal(binOf({ ...cold, pattern: 'intensifying cold spot', short: 'emerging' }), -3);
  });

  test('lists what emerges before what lasts, whatever the counts, and hot before cold', () => {
    const cells = [square('a', 9, steady), square('b', 0, fresh), square('c', 1, fresh), square('d', 5, cold), square('e', 20, former), square('f', 2, steady)];
    const { areas } = findingsFrom('emerging', items(cells), items([]));
    assert.deepEqual(ranked(areas), [['hot-b', 1, 2], ['hot-a', 2, 1], ['hot-f', 3, 1], ['cold-d', 4, 1]]);
    const place = areas[0]?.properties ?? {};
    assert.equal(emergingTitle(place), 'Emerging hot spot');
    assert.equal(emergingLine(place), '18 incidents in the last period · 80 in all · 2 cells');
    assert.deepEqual(emergingPlaceSentences(place), [
      '80 incidents here in all periods, 18 of them in the last one.',
      'Its cells: new hot spot (2 cells).',
      'The evidence is for single cells and periods, not for the outline. Select a cell to see its own course.',
    ]);
  });

  test('tells reason, counts, shares and a trend of this cell alone', () => {
    assert.equal(emergingCellTitle(fresh), 'New hot spot');
    assert.deepEqual(emergingSentences(fresh, CONTEXT), [
      'Hot in the last bin, for the first time in 36 bins.',
      '40 incidents here in all periods, 9 of them in the last one.',
      'Together with the cells around it, it was hot in 2.8\u00a0% and cold in 0\u00a0% of the periods.',
      'Over the periods its standing among all cells rises (Mann-Kendall, p = 0.012, for this cell alone).',
    ]);
    assert.match(emergingSentences(steady, CONTEXT).join(' '), /No clear trend \(Mann-Kendall, p = 0\.9\)/);
    assert.match(emergingSentences({ ...fresh, trend_z: -2 }, CONTEXT).join(' '), /all cells falls/);
  });

  test('without a pattern or an answer claims nothing', () => {
    assert.equal(emergingSentences(none, CONTEXT).at(-1), 'No pattern does not show that nothing is here.');
    assert.equal(emergingCellTitle(silent), 'Not tested');
    assert.deepEqual(emergingSentences(silent, CONTEXT).slice(0, 1), ['No answer: its disk is the whole area.']);
    assert.match(emergingSentences({}, CONTEXT).join(' '), /not known/);
    assert.match(emergingSummary([none], CONTEXT), /too few incidents to tell/);
    assert.equal(emergingSummary(all, CONTEXT), '2 cells hot in the last period, 1 of them emerging. 1 cell used to be hot or cold and no longer is.');
    assert.equal(emergingSummary(all, { ...CONTEXT, side: 'cold' }), '1 cell cold in the last period.');
  });
});

test('an emerging place without an incident of its own is told by what lies around it', () => {
  const properties = { short: 'emerging', pattern: 'new hot spot', count: 0, last_count: 0 };
  const [place] = findingsFrom('emerging', items([square('a', 0, properties)]), items([])).areas;
  assert.ok(place !== undefined);
  assert.equal(emergingLine(place.properties), 'By the incidents around it, none inside · 1 cell');
  const told = 'No incident here in any period: a cell is judged together with the cells around it.';
  assert.equal(emergingPlaceSentences(place.properties)[0], told);
  assert.ok(emergingSentences(properties, CONTEXT).includes(told));
  assert.equal(emergingLine({ ...place.properties, class: 'cold' }), 'No incident in any period · 1 cell');
});

test('outliers of rates are told by rates, those of counts by counts', () => {
  const cell = { class: 'HL', count: 9, quadrant: 'HL', neighbors: 7, p: 0.0002, q: 0.01 };
  const rated = outlierSentences({ ...cell, expected: 3 }, CONTEXT);
  assert.deepEqual(rated.slice(0, 2), [
    '9 incidents in this cell, where about 3 would be expected from the population.',
    'Its rate is above the overall rate; that of the 7 cells around it is not above it.',
  ]);
  assert.match(rated[2] ?? '', /^If the risk were the same everywhere, fewer than 1 in 1,000 such maps/);
  assert.match(outlierSentences({ ...cell, expected: null }, CONTEXT).join(' '), /Its count is above the overall mean/);
  const [place] = findingsFrom('outliers', items([square('a', 0, { ...cell, expected: 3 })]), items([])).areas;
  assert.equal(outlierPlaceSentences(place?.properties ?? {})[0], '9 incidents in 1 cell side by side, where about 3 would be expected from the population.');
});

describe('outliers', () => {
  const high = { count: 30, quadrant: 'HH', neighbors: 6, p: 0.0004, q: 0.003, class: 'HH', edge: false };
  const odd = { ...high, quadrant: 'HL', class: 'HL', count: 25 };
  const weak = { ...high, class: 'none', p: 0.2, q: 0.6 };

  test('odd cells stand out from like ones, high from low', () => {
    const low = [{ ...odd, class: 'LH' }, { ...odd, class: 'LL' }];
    assert.deepEqual([odd, high, ...low, weak, { ...weak, q: null }].map(binOf), [3, 2, -3, -2, 0, null]);
    const cells = [square('a', 0, high), square('b', 1, high), square('c', 2, odd), square('d', 7, weak), square('e', 3, low[0] as object)];
    assert.deepEqual(ranked(findingsFrom('outliers', items(cells), items([])).areas), [['hh-a', 1, 2], ['hl-c', 2, 1]]);
  });

  test('are told with standing, chance and verdict', () => {
    assert.equal(outlierCellTitle(odd), 'High among low ones');
    assert.deepEqual(outlierSentences(odd, CONTEXT), [
      '25 incidents in this cell.',
      'Its count is above the overall mean; the mean of the 6 cells around it is not above it.',
      'If the other counts were scattered at random around it, fewer than 1 in 1,000 such maps would have surroundings as far from the mean ' +
      '(p = 0.0004). It is marked: q = 0.003, within the limit of 5\u00a0%.',
    ]);
    assert.match(outlierSentences(weak, CONTEXT).at(-1) ?? '', /too weak to be marked\. It does not show that nothing is here\.$/);
    assert.match(outlierSentences({ count: 1, q: null }, CONTEXT).join(' '), /not tested/);
    assert.equal(outlierSummary([high, odd], CONTEXT), '1 cell high among high ones; odd among their neighbours: 1 high, 0 low.');
    assert.match(outlierSummary([weak], CONTEXT), /No cell is marked at a false-discovery rate of 5/);
  });
});

describe('scan', () => {
  const found = {
    rank: 1, name: null, count: 12, expected: 2.4, relative_risk: 5.2, llr: 11, p: 0.001, p_source: 'monte-carlo', significant: true,
    recurrence_days: 7000, window_start: '2025-12-01T00:00:00Z', window_end: '2025-12-31T23:59:59Z',
  };
  const chance = { ...found, rank: 2, p: 0.4, significant: false, recurrence_days: 17 };

  test('draws every cluster and lists those that chance does not explain', () => {
    const { areas, cells } = findingsFrom('scan', items([square('y', 4, chance), square('x', 0, found)]), items([]));
    assert.deepEqual([cells.map(({ id }) => id), areas.map(({ id }) => id)], [['x', 'y'], ['x']]);
    assert.deepEqual([binOf(found), groupOf(found), binOf(chance), groupOf(chance)], [3, 'hot', 0, 'none']);
    // The limit of the analysis decides, not that of the colours.
    assert.equal(groupOf({ ...found, p: 0.2 }), 'hot');
  });

  test('is told with one p for all places and windows', () => {
    assert.equal(scanLine(found), '12 cases · 2.4 expected · p = 0.001');
    assert.deepEqual(scanSentences(found, CONTEXT), [
      '12 cases here, where about 2.4 would be expected. Inside, the rate is 5.2 times that outside.',
      'The cases are of Dec 1, 2025 to Dec 31, 2025.',
      'If there were no clusters anywhere, about 1 in 1,000 such maps would have one as clear in any place and window looked at (p = 0.001).',
      'Looking once a period, chance alone would raise so clear a signal about every 19 years.',
      'The disk is the one that stands out most among all that were tried: its rim is no exact border.',
    ]);
    assert.match(scanSentences(chance, CONTEXT)[2] ?? '', /above the limit of 5.%: chance alone may explain it/);
    assert.match(scanSentences({ ...found, p_source: 'gumbel' }, CONTEXT)[2] ?? '', /by a fitted curve/);
    assert.match(scanSummary([], CONTEXT), /too few cases to tell/);
  });
});

describe('clusters', () => {
  const cluster = {
    label: 1, count: 146, n_places: 107, first_time: '2024-01-01T19:00:00Z', last_time: '2024-03-24T00:00:00Z',
    top_categories: ['fall', 'fire'], density_km2: 730, pile_share: 0.27, area_km2: 0.2,
  };

  test('are told as density and never as evidence', () => {
    const told = densitySentences(cluster, CONTEXT);
    assert.deepEqual(told, [
      '146 incidents here on 107 coordinates, 730 for each km² of the outline.',
      'Its first incident is of Jan 1, 2024, its last of Mar 24, 2024.',
      'Most frequent: fall, fire.',
      '27\u00a0% of them lie on single coordinates with very many: a busy address, or what a geocoder falls back on.',
      'Incidents lie close together here. That is no test: where many people are, chance alone makes clusters.',
    ]);
    assert.equal(densitySummary([]), 'No cluster: nowhere are so many incidents so close together.');
    assert.match(densitySentences({}, CONTEXT).join(' '), /is not known/);
  });

  test('are listed by label under the names of the contract', () => {
    const { areas, cells } = findingsFrom('clusters', items([square('cluster-2', 0, { ...cluster, label: 2 }), square('cluster-1', 5, cluster)]), items([]));
    assert.deepEqual(areas.map(({ id, properties }) => [id, properties['rank'], properties['class']]), [['cluster-1', 1, 'hot'], ['cluster-2', 2, 'hot']]);
    assert.deepEqual(cells.map(({ properties }) => groupOf(properties)), ['hot', 'hot']);
  });
});

describe('forecast', () => {
  const cell = { expected: 4.2, low: 1, high: 8, rank: 1, last_count: 3 };

  test('colours by rank; where nothing is expected there is none', () => {
    const own = Array.from({ length: 100 }, (_, index) => square(`c${index}`, index * 2, { ...cell, rank: index + 1, expected: index < 60 ? 4 : 0 }));
    const { areas, cells } = findingsFrom('forecast', items(own), items([]));
    const steps = cells.map(({ properties }) => binOf(properties));
    assert.deepEqual([3, 2, 1, 0].map((step) => steps.filter((one) => one === step).length), [1, 4, 15, 80]);
    assert.equal(areas.length, 5);
    assert.equal(binOf({ rank_share: null }), null);
    assert.equal(forecastSummary(cells.map(({ properties }) => properties)), 'About 240 incidents expected in the next period, 20 of them in the first 5 cells.');
  });

  test('tells the interval with what is expected', () => {
    assert.deepEqual(forecastSentences({ ...cell, n_cells: 800 }), [
      'About 4.2 incidents are expected in the next period; nine times in ten it should be between 1 and 8.',
      'The last period had 3 incidents.',
      'It is rank 1 of 800 cells.',
    ]);
    assert.deepEqual(forecastSentences({}), ['There is no forecast for this cell.']);
  });
});

for (const method of METHODS) {
  test(`${method}: the legend has a row for every colour, words for every group`, () => {
    const rows = legendParts('both', method).flatMap((part) => part.rows);
    assert.ok(rows.every(({ label }) => label !== '') && new Set(rows.map(({ bin }) => bin)).size === rows.length);
    assert.ok(VIEWS[method].threshold(CONTEXT).endsWith('.'));
    assert.notEqual(GROUP_NAMES[method].hot, '');
  });
}

test('a back-test beside a forecast is no analysis of its own, and a table cannot be drawn', () => {
  const one = (id: string, method: string): Parameters<typeof drawableAnalyses>[0][number] => ({ id, title: id, description: '', method }) as never;
  const found = drawableAnalyses([one('next', 'forecast'), one('next.backtest', 'forecast'), one('pairs', 'near-repeat')]);
  assert.deepEqual(found.map(({ id }) => id), ['next']);
});
