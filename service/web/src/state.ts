// What the page shows, as one value; the hash of the address is its permanent form.

import { GROUPS, type Group } from './classes.ts';

export interface View {
  zoom: number;
  lat: number;
  lng: number;
}

export interface State {
  collection: string | null;
  /** Null until the map was moved or a link said where to look. */
  view: View | null;
  area: string | null;
  cell: string | null;
  hidden: readonly Group[];
  showAreas: boolean;
  showCells: boolean;
}

export const START: State = {
  collection: null,
  view: null,
  area: null,
  cell: null,
  hidden: [],
  showAreas: true,
  showCells: true,
};

/** The state that a hash (and, for the analysis, a query) asks for; what cannot be read is left at its start. */
export function stateFromAddress(hash: string, query = ''): State {
  const asked = new URLSearchParams(hash.replace(/^#/, ''));
  const hidden = (asked.get('hide') ?? '').split(',');
  const layers = asked.get('layers');
  return {
    collection: asked.get('collection') || new URLSearchParams(query).get('collection') || null,
    view: viewFrom(asked.get('view')),
    area: asked.get('area') || null,
    cell: asked.get('cell') || null,
    hidden: GROUPS.filter((group) => hidden.includes(group)),
    showAreas: layers === null || layers.split(',').includes('areas'),
    showCells: layers === null || layers.split(',').includes('cells'),
  };
}

export function hashFrom(state: State): string {
  const parts: string[] = [];
  const add = (name: string, value: string): number => parts.push(`${name}=${value}`);
  if (state.collection !== null) add('collection', encodeURIComponent(state.collection));
  if (state.view !== null) add('view', viewText(state.view));
  if (state.area !== null) add('area', encodeURIComponent(state.area));
  if (state.cell !== null) add('cell', encodeURIComponent(state.cell));
  if (state.hidden.length > 0) add('hide', state.hidden.join(','));
  if (!state.showAreas || !state.showCells) {
    add('layers', [state.showAreas ? 'areas' : '', state.showCells ? 'cells' : ''].filter(Boolean).join(','));
  }
  return `#${parts.join('&')}`;
}

export interface Store {
  get(): State;
  set(change: Partial<State>): void;
  subscribe(listener: (now: State, before: State) => void): void;
}

/** Holds the state and tells every listener of a change, with what was before. */
export function createStore(start: State): Store {
  let state = start;
  const listeners: ((now: State, before: State) => void)[] = [];
  return {
    get: () => state,
    set(change) {
      const before = state;
      state = { ...state, ...change };
      for (const listener of listeners) listener(state, before);
    },
    subscribe: (listener) => void listeners.push(listener),
  };
}

function viewFrom(text: string | null): View | null {
  const parts = (text ?? '').split('/').map((part) => (part === '' ? Number.NaN : Number(part)));
  const [zoom, lat, lng] = parts;
  if (parts.length !== 3 || zoom === undefined || lat === undefined || lng === undefined) return null;
  const fits = zoom >= 0 && zoom <= 24 && Math.abs(lat) <= 90 && Math.abs(lng) <= 540;
  return fits ? { zoom, lat, lng } : null;
}

function viewText({ zoom, lat, lng }: View): string {
  return [zoom.toFixed(2), lat.toFixed(5), lng.toFixed(5)].join('/');
}
