import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  analysisOf, contextFrom, drawableAnalyses, findingsFrom, isTorn, originFrom, surroundingsFrom, warningsFrom,
} from '../src/analyses.ts';
import type { Feature, Items } from '../src/api.ts';
import { boundsOf, gridStep } from '../src/bounds.ts';
import { binOf, colourOf, groupOf, legendParts, paletteFor, type LegendRow } from '../src/classes.ts';

const feature = (id: string, properties: object): Feature => ({
  type: 'Feature', id, geometry: null, properties: properties as Feature['properties'],
});
const items = (features: Feature[], emberline: object = {}): Items => ({
  features, timeStamp: null, emberline: emberline as Items['emberline'],
});

test('an analysis is a collection of a method that can be drawn, without the collections beside it', () => {
  const found = drawableAnalyses([
    { id: 'crashes' }, { id: 'crash-hotspots', title: 'Crash hotspots' }, { id: 'crash-hotspots.cells' },
    { id: 'pairs', method: 'near-repeat' }, { id: 'orphan.cells' }, { id: 'x' }, { id: 'x.cells' },
    { id: 'alerts', method: 'surveillance' }, { id: 'alerts.series', method: 'surveillance' },
    { id: 'gaps', method: 'gaps' }, { id: 'gaps.areas', method: 'gaps' }, { id: 'first', method: 'priority' },
  ]);
  assert.deepEqual(found.map(({ id, method }) => [id, method]), [
    ['crash-hotspots', 'hotspots'], ['x', 'hotspots'], ['alerts', 'surveillance'], ['gaps', 'gaps'], ['first', 'priority'],
  ]);
  assert.deepEqual(found[0], { id: 'crash-hotspots', method: 'hotspots', title: 'Crash hotspots', description: null });
});

test('an id stands for its analysis, also that of its cells, and a table for none', () => {
  const found = drawableAnalyses([
    { id: 'hot' }, { id: 'hot.cells' }, { id: 'next', method: 'forecast' }, { id: 'next.backtest', method: 'forecast' },
    { id: 'pairs', method: 'near-repeat' },
  ]);
  const of = (id: string | null): string | null => analysisOf(id, found)?.id ?? null;
  assert.deepEqual(['hot', 'hot.cells', 'next'].map(of), ['hot', 'hot', 'next']);
  assert.deepEqual(['next.backtest', 'pairs', 'nowhere', null].map(of), [null, null, null, null]);
});

test('the context comes from the parameters, with their defaults', () => {
  assert.deepEqual(contextFrom({}, []), { alpha: 0.05, side: 'hot', k: 'auto', denominator: false, timezone: 'UTC', mean: null });
  assert.equal(contextFrom({ diagnostics: { mean: 3.5 } }, []).mean, 3.5);
  assert.deepEqual(
    contextFrom({ parameters: { alpha: 0.01, side: 'both', k: 2 }, diagnostics: { timezone: 'Europe/London', mean: 3.5 } }, [feature('a', { relative_risk: 1.2 })]),
    { alpha: 0.01, side: 'both', k: '2', denominator: true, timezone: 'Europe/London', mean: null },
  );
  assert.equal(contextFrom({ diagnostics: { timezone: 'Mars/Crater' } }, []).timezone, 'UTC');
  assert.equal(contextFrom({ parameters: { population: 'people' } }, []).denominator, true);
});

test('that counts are not risk is said, and said once', () => {
  const context = contextFrom({}, []);
  const member = (...warnings: unknown[]): object => ({ diagnostics: { warnings } });
  assert.match(warningsFrom([{}], context)[0] ?? '', /not where risk is/);
  const own = 'The map shows where incidents are, not where risk is.';
  assert.deepEqual(warningsFrom([member(own, 'b'), member('b', { message: 'c' }, 7)] as never, context), [own, 'b', 'c']);
  assert.ok(warningsFrom([{ diagnostics: { notes: ['a note'] } }], context).includes('a note'));
  assert.deepEqual(warningsFrom([{}], { ...context, denominator: true }), []);
});

test('areas come by rank, unranked ones last', () => {
  const areas = items([feature('c', { rank: null }), feature('b', { rank: 10 }), feature('a', { rank: 2 })], { run: 'r' });
  const findings = findingsFrom('hotspots', areas, items([]));
  assert.deepEqual(findings.areas.map((area) => area.id), ['a', 'b', 'c']);
  assert.equal(findings.run, 'r');
});

test('the origin names method, layers and parameters, and leaves out what was not asked', () => {
  const emberline = {
    run: 'r', method: 'hotspots', method_version: '1', data_version: 'v',
    parameters: { layer: 'crashes', k: 'auto', bbox: null, category: [], datetime: ['a', 'b'] },
    layers: [{ id: 'crashes', kind: 'incidents', title: 'Crashes' }, { id: 'city', kind: 'boundary', rows: 1 }, 'x'],
    diagnostics: { study_area_source: 'boundary', rows_selected: 9 },
  };
  assert.deepEqual(originFrom(emberline), [
    ['method', 'hotspots 1'], ['incidents', 'Crashes'], ['boundary', 'city'], ['k', 'auto'], ['datetime', 'a, b'],
    ['study area source', 'boundary'], ['rows selected', '9'], ['data version', 'v'], ['run', 'r'],
  ]);
  assert.deepEqual(surroundingsFrom(emberline), [{ kind: 'boundary', id: 'city', title: 'city', rows: 1 }]);
  assert.deepEqual([originFrom({}), surroundingsFrom({})], [[], []]);
});

test('two runs do not belong together', () => {
  assert.equal(isTorn(items([], { run: 'a' }), items([], { run: 'b' })), true);
  assert.equal(isTorn(items([], { run: 'a' }), items([], { run: 'a' })), false);
  assert.equal(isTorn(items([]), items([], { run: 'a' })), false);
});

test('a cell without q is untested, whatever its class says', () => {
  assert.deepEqual([groupOf({ q: null, class: 'none' }), binOf({ q: null, gi_bin: 0 })], ['untested', null]);
  assert.deepEqual([groupOf({ q: 0.01, class: 'hot' }), binOf({ q: 0.01, gi_bin: 2 })], ['hot', 2]);
  assert.deepEqual([groupOf({ q: 0.9, class: null }), binOf({ q: 0.9, gi_bin: -9 })], ['none', -3]);
});

test('without a bin of the service the strength of evidence comes from q', () => {
  const bins = [0.2, 0.1, 0.05, 0.01].map((q) => binOf({ q, class: 'hot' }));
  assert.deepEqual(bins, [0, 1, 2, 3]);
  assert.deepEqual([binOf({ q: 0.04, class: 'cold' }), binOf({ q: 0.08, class: 'none', z: -2 })], [-2, -1]);
});

test('a score is drawn by its band and filtered by its agreement', () => {
  assert.deepEqual([100, 75, 50, 25, 24.9].map((score) => binOf({ score })), [3, 3, 2, 1, 0]);
  assert.deepEqual([groupOf({ score: null }), binOf({ score: null })], ['untested', null]);
  assert.deepEqual([groupOf({ score: 9, agreement: 1 }), groupOf({ score: 99, agreement: 0 })], ['hot', 'none']);
});

test('every row of the legend has a colour of its own, in light and dark', () => {
  const rows = (side: string): LegendRow[] => legendParts(side).flatMap((part) => part.rows);
  for (const palette of [paletteFor(false), paletteFor(true)]) {
    const colours = rows('both').map((row) => colourOf(row.bin, palette));
    assert.equal(colours.length, 8);
    assert.equal(new Set(colours).size, 8);
  }
  assert.deepEqual(rows('hot').map((row) => row.bin), [3, 2, 1, 0, null]);
  assert.deepEqual(rows('cold').map((row) => row.bin), [-3, -2, -1, 0, null]);
});

test('bounds go round everything, and the short way over the antimeridian', () => {
  const line = (...coordinates: number[][]): GeoJSON.LineString => ({ type: 'LineString', coordinates });
  assert.deepEqual(boundsOf([line([1, 2], [3, 4]), null, line([-1, 9])]), { west: -1, south: 2, east: 3, north: 9 });
  assert.deepEqual(boundsOf([line([179, 0], [-179, 1])]), { west: 179, south: 0, east: 181, north: 1 });
  assert.equal(boundsOf([null]), null);
  assert.ok([0.004, 0.3, 7, 300].every((span) => span / gridStep(span) <= 8));
});
