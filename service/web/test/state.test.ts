import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStore, hashFrom, START, stateFromAddress, type State } from '../src/state.ts';

test('a state survives its address', () => {
  const state: State = {
    collection: 'ems & opioid/hotspots', view: { zoom: 11.25, lat: 33.4, lng: -111.9 }, area: 'hot-892a1072b5bffff',
    cell: '892a1072b5bffff', hidden: ['cold', 'none'], showAreas: true, showCells: false,
  };
  assert.deepEqual(stateFromAddress(hashFrom(state)), state);
  assert.deepEqual(stateFromAddress(hashFrom(START)), START);
});

test('both layers off survive too', () => {
  const state = stateFromAddress(hashFrom({ ...START, showAreas: false, showCells: false }));
  assert.deepEqual([state.showAreas, state.showCells], [false, false]);
});

test('nonsense in the address is left at its start', () => {
  for (const hash of ['#view=1/2', '#view=a/b/c', '#view=1/95/0', '#view=//', '#hide=everything', '#=&&', '#%']) {
    assert.deepEqual(stateFromAddress(hash), START, hash);
  }
});

test('the analysis may come from the query', () => {
  assert.equal(stateFromAddress('', '?collection=crashes').collection, 'crashes');
  assert.equal(stateFromAddress('#collection=a', '?collection=b').collection, 'a');
});

test('the store tells its listeners what was before', () => {
  const store = createStore(START);
  const told: [State, State][] = [];
  store.subscribe((now, before) => told.push([now, before]));
  store.set({ area: 'hot-1' });
  assert.deepEqual(told, [[{ ...START, area: 'hot-1' }, START]]);
  assert.equal(store.get().area, 'hot-1');
});
