import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Context } from '../src/analyses.ts';
import {
  areaLine, areaSentences, areaTitle, cellSentences, cellTitle, dataTime, figure, oneIn, percent, plural, quantity,
  summary, thresholdSentence,
} from '../src/words.ts';

const CONTEXT: Context = { alpha: 0.05, side: 'hot', k: '2', denominator: false, timezone: 'UTC', mean: null };

const AREA = {
  rank: 1, class: 'hot', name: 'Main St and 3rd Ave', n_cells: 7, area_km2: 0.74, count: 34, expected: 14.2, excess: 19.8,
  min_q: 0.00042, share_of_count: 0.12, share_of_area: 0.03, first_time: '2023-01-04T10:00:00Z',
  last_time: '2025-12-30T23:59:00Z', top_categories: [['overdose', 20], ['fall', 9]], since: null,
};

const CELL = {
  h3: '892a1072b5bffff', count: 9, expected: 2.1, relative_risk: null, ring: 2, neighbors: 19, edge: false, z: 4.4,
  p: 0.00008, q: 0.004, gi_bin: 3, class: 'hot', p_method: 'exact',
};

describe('oneIn', () => {
  const cases: [number, string][] = [
    [1, 'practically all'],
    [0.34, 'about 34 in 100'],
    [0.05, 'about 1 in 20'],
    [0.0014, 'about 1 in 710'],
    [0.001, 'about 1 in 1,000'],
    [0.00099, 'fewer than 1 in 1,000'],
    [0.0001, 'fewer than 1 in 10,000'],
    [1e-12, 'fewer than 1 in 1,000,000'],
    [0, 'fewer than 1 in 1,000,000'],
  ];
  for (const [p, words] of cases) test(`of ${p}`, () => assert.equal(oneIn(p), words));

  test('never claims a smaller chance than p', () => {
    for (let p = 0.0011; p < 0.09; p *= 1.013) {
      const n = Number(oneIn(p).replace(/\D*1 in /, '').replace(',', ''));
      assert.ok(1 / n >= p * (1 - 1e-9), `${p} was told as 1 in ${n}`);
    }
  });
});

describe('figures', () => {
  test('keep what matters', () => {
    assert.deepEqual([0, 0.0234, 0.996, 3.14159, 9.96, 1234.5].map(quantity), ['0', '0.023', '1', '3.1', '10', '1,235']);
    assert.equal(percent(0.034), '3.4\u00a0%');
    assert.equal(plural(1, 'cell'), '1 cell');
    assert.equal(plural(1.5, 'cell'), '1.5 cells');
    assert.equal(figure('q', 0.00042), 'q = 0.00042');
    assert.equal(figure('p', 1e-9), 'p < 0.000001');
  });
});

describe('an area', () => {
  test('is told with its basis, excess, evidence, share and period', () => {
    assert.deepEqual(areaSentences(AREA, CONTEXT), [
      '34 incidents here, where about 14 would be expected if incidents were spread evenly over the study area.',
      'That is 20 more than expected, 2.4 times as many.',
      'The evidence is for its cells, not for its exact outline: in the clearest one q = 0.00042. ' +
        'Of all cells at least as clear, fewer than 1 in 1,000 are expected to be false alarms.',
      'It holds 12\u00a0% of all incidents on 3\u00a0% of the study area (0.74 km², 7 cells).',
      'Its first incident is of Jan 4, 2023, its last of Dec 30, 2025.',
      'Most frequent: overdose (20), fall (9).',
    ]);
  });

  test('names the population where there is a denominator', () => {
    const [first] = areaSentences(AREA, { ...CONTEXT, denominator: true });
    assert.match(first ?? '', /if incidents followed the population\.$/);
  });

  test('says what is unknown', () => {
    const sentences = areaSentences({ rank: null, count: null, min_q: null, first_time: null }, CONTEXT);
    assert.deepEqual(sentences, [
      'How many incidents lie here is not known.',
      'How strong the evidence is, is not known.',
      'When its incidents happened is not known.',
    ]);
  });

  test('that is cold has fewer', () => {
    const sentences = areaSentences({ class: 'cold', count: 2, expected: 9, excess: -7 }, CONTEXT);
    assert.equal(sentences[1], 'That is 7 fewer than expected.');
  });

  test('reads categories in every usual shape', () => {
    for (const shape of [['a', 'b'], [{ category: 'a' }, { name: 'b' }], { a: null, b: null }, [['a'], ['b']]]) {
      assert.ok(areaSentences({ top_categories: shape }, CONTEXT).includes('Most frequent: a, b.'), JSON.stringify(shape));
    }
  });

  test('is titled by its name, else by class and rank', () => {
    assert.equal(areaTitle(AREA), 'Main St and 3rd Ave');
    assert.equal(areaTitle({ class: 'cold', rank: 3, name: null }), 'Cold spot 3');
    assert.equal(areaLine(AREA), '34 incidents · 14 expected · 0.74 km²');
    assert.equal(areaLine({}), 'No counts given');
  });
});

describe('a cell', () => {
  test('that is hot is told with its surroundings, p and q', () => {
    assert.equal(cellTitle(CELL), 'Part of a hot spot');
    assert.deepEqual(cellSentences(CELL, CONTEXT), [
      '9 incidents in this cell, where about 2.1 would be expected if incidents were spread evenly over the study area.',
      'It is judged together with the cells around it: 19 cells within 2 steps, itself included.',
      'If the same counts were scattered over the cells at random, fewer than 1 in 10,000 such maps would show so high ' +
        'a count around this place (p = 0.00008).',
      'It is marked as hot: q = 0.004, within the limit of 5\u00a0%. Of all cells at least as clear, at most about 1 in 250 ' +
        'are expected to be false alarms.',
    ]);
  });

  test('without an expectation of its own is held against the mean of all cells', () => {
    const cell = { ...CELL, expected: null };
    assert.match(cellSentences(cell, { ...CONTEXT, mean: 3.71 })[0] ?? '', /^9 incidents in this cell, where about 3\.7 would/);
    assert.equal(cellSentences(cell, CONTEXT)[0], '9 incidents in this cell; how many would be expected is not known.');
  });

  test('with combined rings says so', () => {
    const text = cellSentences(CELL, { ...CONTEXT, k: 'auto' }).join(' ');
    assert.match(text, /Of rings 1 to 3 this one is the clearest; p and q allow for that choice\./);
    assert.match(text, /maps would show such clear signs of a high count around this place/);
  });

  test('that is not marked is not called empty of risk', () => {
    const text = cellSentences({ ...CELL, class: 'none', q: 0.4, gi_bin: 0, p: 0.2 }, CONTEXT).at(-1);
    assert.equal(
      text,
      'After allowing for all the cells that were tested (q = 0.4) this is too weak to be marked. It does not show that nothing is here.',
    );
  });

  test('with weak evidence is titled so', () => {
    assert.equal(cellTitle({ q: 0.08, class: 'none', gi_bin: 1 }), 'More than expected, but too weak to be marked');
    assert.equal(cellTitle({ q: 0.5, class: 'none', gi_bin: 0 }), 'No clear difference');
    assert.equal(cellTitle({ q: 0.01, class: 'cold', gi_bin: -3 }), 'Part of a cold spot');
  });

  test('without an answer is not tested', () => {
    const cell = { count: 0, expected: null, p: null, q: null, class: 'none' };
    assert.equal(cellTitle(cell), 'Not tested');
    assert.deepEqual(cellSentences(cell, CONTEXT), [
      '0 incidents in this cell; how many would be expected is not known.',
      'This cell was not tested, so nothing is known about it beyond its count.',
    ]);
  });

  test('on the edge says so', () => {
    assert.match(cellSentences({ ...CELL, edge: true }, CONTEXT).at(-1) ?? '', /edge of the study area/);
  });

  test('on the low side of both speaks of a low count', () => {
    const text = cellSentences({ ...CELL, z: -3, class: 'cold' }, { ...CONTEXT, side: 'both' }).join(' ');
    assert.match(text, /so low a count/);
    assert.match(text, /marked as cold/);
  });

  test('names the method that is not a permutation', () => {
    assert.match(cellSentences({ ...CELL, p_method: 'normal' }, CONTEXT).join(' '), /by the normal approximation/);
    assert.match(cellSentences({ ...CELL, p_method: 'negative-binomial' }, CONTEXT).join(' '), /negative binomial model/);
  });
});

describe('the whole', () => {
  test('is summed up', () => {
    assert.equal(
      summary([AREA, { ...AREA, rank: 2, share_of_count: 0.05, share_of_area: 0.01 }], CONTEXT),
      '2 hot spots found. The hot spots hold 17\u00a0% of all incidents on 4\u00a0% of the study area.',
    );
    assert.equal(summary([{ class: 'cold' }], CONTEXT), '1 cold spot found.');
    assert.match(summary([], CONTEXT), /^No area stands out at a false-discovery rate of 5\u00a0%\./);
    assert.match(thresholdSentence(CONTEXT), /at q ≤ 5\u00a0%: of all cells marked so, at most about 1 in 20 are expected/);
  });

  test('has a time or none', () => {
    assert.equal(dataTime('2026-01-02T03:04:05Z', CONTEXT), 'Jan 2, 2026, 03:04 UTC');
    assert.equal(dataTime(null, CONTEXT), null);
    assert.equal(dataTime('soon', CONTEXT), null);
  });

  test('follows the timezone of the layer', () => {
    const local = { ...CONTEXT, timezone: 'America/Phoenix' };
    assert.equal(dataTime('2026-01-02T03:04:05Z', local), 'Jan 1, 2026, 20:04 (America/Phoenix)');
    const area = { first_time: '2023-01-01T06:00:00Z', last_time: '2023-06-01T00:00:00Z' };
    assert.ok(areaSentences(area, local).includes('Its first incident is of Dec 31, 2022, its last of May 31, 2023.'));
  });
});
