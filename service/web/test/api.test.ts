import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { fetchCollections, fetchItems, nextPage, problemFrom, serviceRoot, ServiceProblem } from '../src/api.ts';

const realFetch = globalThis.fetch;
afterEach(() => {
  globalThis.fetch = realFetch;
});

/** Answers in turn; notes what was asked. */
function answering(...answers: [status: number, body: unknown][]): string[] {
  const asked: string[] = [];
  globalThis.fetch = async (address) => {
    asked.push(String(address));
    const [status, body] = answers[asked.length - 1] ?? [500, null];
    return new Response(JSON.stringify(body), { status });
  };
  return asked;
}

const ROOT = new URL('http://city.example/gis/');
const page = (ids: string[], more: object = {}): object => ({
  type: 'FeatureCollection', features: ids.map((id) => ({ type: 'Feature', id, geometry: null, properties: {} })), ...more,
});

test('the root is one level above the page, under any root path', () => {
  for (const path of ['map', 'map/', 'map/index.html', 'map/?collection=a#view=1/2/3']) {
    assert.equal(serviceRoot(`http://city.example/gis/${path}`).href, 'http://city.example/gis/', path);
    assert.equal(serviceRoot(`http://city.example/${path}`).href, 'http://city.example/', path);
  }
});

test('pages are followed to the end, on this host whatever the link says', async () => {
  const next = { links: [{ rel: 'next', href: 'http://internal:8000/collections/a/items?f=json&limit=10000&offset=2&run=r1' }] };
  const asked = answering(
    [200, page(['1', '2'], { ...next, timeStamp: '2026-01-01T00:00:00Z', numberMatched: 3, emberline: { run: 'r1' } })],
    [200, page(['3'], { numberMatched: 3 })],
  );
  const progress: unknown[] = [];
  const items = await fetchItems(ROOT, 'a', (now) => progress.push(now));
  assert.deepEqual(items.features.map((feature) => feature.id), ['1', '2', '3']);
  assert.deepEqual([items.timeStamp, items.emberline], ['2026-01-01T00:00:00Z', { run: 'r1' }]);
  assert.deepEqual(asked, [
    'http://city.example/gis/collections/a/items?f=json&limit=10000',
    'http://city.example/gis/collections/a/items?f=json&limit=10000&offset=2&run=r1',
  ]);
  assert.deepEqual(progress, [{ loaded: 2, total: 3 }, { loaded: 3, total: 3 }]);
});

test('a link that leads back ends the reading', async () => {
  const asked = answering([200, page(['1'], { links: [{ rel: 'next', href: '?f=json&limit=10000' }] })]);
  assert.equal((await fetchItems(ROOT, 'a', () => undefined)).features.length, 1);
  assert.equal(asked.length, 1);
});

test('a snapshot that is gone is read anew, once', async () => {
  const next = { links: [{ rel: 'next', href: '?offset=1' }] };
  answering([200, page(['old'], next)], [410, { title: 'Gone' }], [200, page(['new'])]);
  const items = await fetchItems(ROOT, 'a', () => undefined);
  assert.deepEqual(items.features.map((feature) => feature.id), ['new']);
  answering([410, {}], [410, { detail: 'Gone again' }]);
  await assert.rejects(fetchItems(ROOT, 'a', () => undefined), { message: 'Gone again' });
});

test('a problem keeps the words of the service', async () => {
  answering([503, { title: 'Store unavailable', detail: 'The store is locked.' }]);
  await assert.rejects(fetchCollections(ROOT), (error) => {
    assert.ok(error instanceof ServiceProblem);
    assert.deepEqual([error.title, error.message, error.status], ['Store unavailable', 'The store is locked.', 503]);
    return true;
  });
  assert.equal(problemFrom(502, null).message, 'It answered with status 502 and no reason.');
});

test('answers of another form are problems, not crashes', async () => {
  for (const body of [[], 'text', { collections: 5 }]) {
    answering([200, body]);
    await assert.rejects(fetchCollections(ROOT), { name: 'ServiceProblem' });
  }
  globalThis.fetch = () => Promise.reject(new TypeError('failed'));
  await assert.rejects(fetchCollections(ROOT), { message: 'The service cannot be reached. Is it running?' });
});

test('without a next link there is no next page', () => {
  for (const links of [undefined, 'x', [null], [{ rel: 'prev', href: '?a' }], [{ rel: 'next' }]]) {
    assert.equal(nextPage({ links }, ROOT), null);
  }
});
