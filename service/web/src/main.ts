// Where the page's parts meet: address → state → service → map, panel, legend.

import { analysisOf, BESIDE, drawableAnalyses, findingsFrom, isTorn, type Analysis, type Findings, type Surroundings } from './analyses.ts';
import {
  fetchCollections, fetchItems, serviceRoot, ServiceProblem, type Collection, type Feature, type Items, type Progress,
} from './api.ts';
import { groupOf, GROUPS, paletteFor, type Group } from './classes.ts';
import { byId, element } from './dom.ts';
import { renderLegend } from './legend.ts';
import { createMap, type HotspotMap } from './map.ts';
import { renderDetail, renderOverview, renderRanking } from './panel.ts';
import { textOf } from './properties.ts';
import { createStore, START, stateFromAddress, hashFrom, type State } from './state.ts';
import './style.css';

/** More lines than this are no orientation and only slow the page. */
const MOST_LINES = 60_000;

const NOTHING: Items = { features: [], timeStamp: null, emberline: {} };

const root = serviceRoot(document.baseURI);
const dark = window.matchMedia('(prefers-color-scheme: dark)');
const store = createStore(stateFromAddress(location.hash, location.search));

let map: HotspotMap | null = null;
let analyses: Analysis[] = [];
let collections = new Map<string, Collection>();
let surroundings: Surroundings[] = [];
let findings: Findings | null = null;
let cellById = new Map<string, Feature>();
let loading = new AbortController();

void start();

async function start(): Promise<void> {
  store.subscribe(onChange);
  window.addEventListener('hashchange', onHashChange);
  dark.addEventListener('change', () => {
    map?.repaint(paletteFor(dark.matches));
    showLegend();
  });
  const ready = createMap(byId('map'), paletteFor(dark.matches), {
    onPick: (picked) => {
      store.set(picked);
      if (picked.area !== null || picked.cell !== null) byId('detail').scrollIntoView({ block: 'start' });
    },
    onMove: (view) => store.set({ view }),
  }).then((made) => (map = made), onNoMap);
  await Promise.all([ready, openService()]);
}

async function openService(): Promise<void> {
  await guarded(openService, async () => {
    showStatus('Asking the service what is published …');
    const published = await fetchCollections(root);
    collections = new Map(published.map((collection) => [collection.id, collection]));
    analyses = drawableAnalyses(published);
    const asked = store.get().collection;
    const found = analysisOf(asked, analyses);
    const other = collections.get(asked ?? '');
    if (found === null && other !== undefined) return showUndrawable(other);
    const chosen = found ?? analyses[0];
    if (chosen === undefined) return showNothingPublished();
    fillChoice(chosen);
    await openAnalysis(chosen, found === null ? asked : null);
  });
}

async function openAnalysis(analysis: Analysis, missing: string | null = null): Promise<void> {
  loading.abort();
  loading = new AbortController();
  const { signal } = loading;
  await guarded(() => openAnalysis(analysis), async () => {
    clearFindings();
    const loaded = await fetchFindings(analysis, signal);
    if (signal.aborted) return;
    showStatus(missing === null ? '' : `There is no analysis “${missing}”; this is “${analysis.title}”.`);
    await showFindings(analysis, loaded);
    const drawn = map?.drawn() ?? Promise.resolve();
    await Promise.all([showSurroundings(loaded, signal), drawn]);
    if (!signal.aborted) setPageState('ready');
  });
}

async function fetchFindings({ id, method }: Analysis, signal: AbortSignal): Promise<Findings> {
  const part = BESIDE[method];
  const beside = part !== null && collections.has(id + part) ? id + part : null;
  const progress: Record<string, Progress> = {};
  const load = async (collection: string): ReturnType<typeof fetchItems> =>
    fetchItems(root, collection, (now) => {
      progress[collection] = now;
      if (!signal.aborted) showProgress(Object.values(progress));
    }, signal);
  const both = (): Promise<[Awaited<ReturnType<typeof fetchItems>>, Awaited<ReturnType<typeof fetchItems>>]> =>
    Promise.all([load(id), beside === null ? NOTHING : load(beside)]);
  showStatus('Loading …');
  let [own, more] = await both();
  // A new run was published between the two answers: read once more, so that both belong together.
  if (isTorn(own, more)) [own, more] = await both();
  return findingsFrom(method, own, more);
}

async function showFindings(analysis: Analysis, loaded: Findings): Promise<void> {
  findings = loaded;
  cellById = new Map(loaded.cells.map((cell) => [cell.id, cell]));
  document.title = `${analysis.title} – Emberline`;
  store.set({ collection: analysis.id });
  renderOverview(byId('overview'), analysis, loaded);
  showLegend();
  showSelection();
  await mapReady();
  const { view } = store.get();
  if (view !== null) map?.lookAt(view);
  else map?.fit(loaded.cells.length > 0 ? loaded.cells : loaded.areas, false);
  map?.show(loaded, store.get());
}

/** Boundary and roads for orientation, where they took part and may be read; the findings stand without them. */
async function showSurroundings(loaded: Findings, signal: AbortSignal): Promise<void> {
  for (const kind of ['boundary', 'roads'] as const) {
    const layers = loaded.surroundings.filter(
      (layer) => layer.kind === kind && collections.has(layer.id) && (layer.rows ?? 0) <= MOST_LINES,
    );
    const read = await Promise.allSettled(layers.map((layer) => fetchItems(root, layer.id, () => undefined, signal)));
    if (signal.aborted) return;
    const features = read.flatMap((one) => (one.status === 'fulfilled' ? one.value.features : []));
    map?.showSurroundings(kind, features);
    surroundings.push(...layers.filter((_, index) => read[index]?.status === 'fulfilled'));
  }
  showLegend();
}

/** Waits until the map has been made or has failed, whichever comes. */
async function mapReady(): Promise<void> {
  while (map === null && byId('map').dataset['failed'] === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

function onNoMap(error: unknown): void {
  byId('map').dataset['failed'] = '';
  byId('map').replaceChildren(
    element('p', { class: 'notice' }, 'This browser cannot draw the map (WebGL 2 is needed). The list beside it is complete.'),
  );
  console.warn('The map could not be made.', error);
}

function onChange(now: State, before: State): void {
  history.replaceState(null, '', hashFrom(now));
  const selectionChanged = now.area !== before.area || now.cell !== before.cell;
  const filtersChanged = now.hidden !== before.hidden;
  if (findings === null) return;
  if (selectionChanged || filtersChanged) showSelection();
  if (selectionChanged) byId('announcement').textContent = byId('detail').querySelector('h2')?.textContent ?? '';
  if (selectionChanged || filtersChanged || now.showAreas !== before.showAreas || now.showCells !== before.showCells) {
    map?.apply(now);
  }
}

function onHashChange(): void {
  const asked = stateFromAddress(location.hash);
  const analysis = analysisOf(asked.collection, analyses);
  const table = collections.get(asked.collection ?? '');
  if (analysis === null && table !== undefined) {
    loading.abort();
    return showUndrawable(table);
  }
  const other = analysis !== null && analysis.id !== store.get().collection;
  store.set({ ...asked, collection: analysis?.id ?? store.get().collection });
  if (other) {
    fillChoice(analysis);
    void openAnalysis(analysis);
    return;
  }
  showLegend();
  if (asked.view !== null) map?.lookAt(asked.view);
}

function showSelection(): void {
  if (findings === null) return;
  const state = store.get();
  const area = findings.areas.find((one) => one.id === state.area) ?? null;
  const cell = state.cell === null ? null : (cellById.get(state.cell) ?? null);
  renderDetail(byId('detail'), area, cell, findings, () => {
    store.set({ area: null, cell: null });
    byId('hotspots').focus();
  });
  renderRanking(byId('hotspots'), findings, state.area,
    (one) => !state.hidden.some((group) => group === (textOf(one.properties, 'class') ?? 'hot')),
    (one) => {
      store.set({ area: one.id, cell: null });
      map?.fit([one], true);
      byId('detail').scrollIntoView({ block: 'start' });
    });
}

function showLegend(): void {
  if (findings === null) return;
  const counts = Object.fromEntries(GROUPS.map((group) => [group, 0])) as Record<Group, number>;
  for (const cell of findings.cells) counts[groupOf(cell.properties)] += 1;
  renderLegend(byId('legend'), store, findings, counts, paletteFor(dark.matches), surroundings);
  byId('legend').hidden = false;
}

function fillChoice(chosen: Analysis | null): void {
  const select = byId<HTMLSelectElement>('analysis');
  select.replaceChildren(
    ...(chosen === null ? [element('option', { value: '' }, 'Choose an analysis')] : []),
    ...analyses.map((analysis) => element('option', { value: analysis.id }, analysis.title)),
  );
  select.value = chosen?.id ?? '';
  select.onchange = () => {
    const next = analyses.find((analysis) => analysis.id === select.value);
    if (next === undefined) return;
    store.set({ ...START, collection: next.id, hidden: store.get().hidden });
    select.querySelector('option[value=""]')?.remove();
    void openAnalysis(next);
  };
  byId('choice').hidden = analyses.length === 0;
}

function clearFindings(): void {
  findings = null;
  surroundings = [];
  for (const kind of ['boundary', 'roads'] as const) map?.showSurroundings(kind, []);
  for (const id of ['overview', 'detail', 'hotspots', 'legend']) byId(id).hidden = true;
}

function showNothingPublished(): void {
  setPageState('empty');
  byId('status').replaceChildren(
    element('p', { class: 'lead' }, 'No analysis published yet.'),
    element('p', { class: 'fine' }, 'Once an analysis is published, it appears here. To publish one:'),
    element('pre', {}, element('code', {}, 'emberline publish analysis.toml')),
  );
}

/** A table or a layer was asked for: say so and where it can be read, rather than show something else. */
function showUndrawable({ id, title, extent }: Collection): void {
  clearFindings();
  map?.clear();
  store.set({ ...START, collection: id });
  fillChoice(null);
  document.title = `${title || id} – Emberline`;
  byId('problem').replaceChildren();
  const rows = new URL(`collections/${encodeURIComponent(id)}/items?f=html`, root).href;
  const why = extent?.spatial === undefined
    ? 'It is a table: its rows have no place that a map could show.'
    : 'It is data, not what an analysis found.';
  byId('status').replaceChildren(
    element('p', { class: 'lead' }, `“${title || id}” has no map.`),
    element('p', { class: 'fine' }, why),
    element('p', { class: 'fine' }, element('a', { href: rows }, 'Read its rows')),
  );
  setPageState('empty');
}

function showStatus(text: string): void {
  if (text !== '') setPageState('loading');
  byId('problem').replaceChildren();
  byId('status').replaceChildren(...(text === '' ? [] : [element('p', { class: 'fine' }, text)]));
}

function showProgress(parts: readonly Progress[]): void {
  const loaded = parts.reduce((sum, part) => sum + part.loaded, 0);
  const known = parts.every((part) => part.total !== null);
  const total = parts.reduce((sum, part) => sum + (part.total ?? 0), 0);
  const bar = element('progress', { 'aria-label': 'Loading' });
  if (known && total > 0) {
    bar.max = total;
    bar.value = loaded;
  }
  const text = `Loading: ${loaded.toLocaleString('en')}${known ? ` of ${total.toLocaleString('en')}` : ''} areas and cells`;
  byId('status').replaceChildren(element('p', { class: 'fine' }, text), bar);
}

/** Does the work; shows a problem of the service in its own words, with a way to try again. */
async function guarded(again: () => Promise<void>, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return;
    if (!(error instanceof ServiceProblem)) console.error(error);
    showStatus('');
    setPageState('error');
    const retry = element('button', { type: 'button' }, 'Try again');
    retry.addEventListener('click', () => void again());
    byId('problem').replaceChildren(
      element('div', { class: 'notice problem' },
        element('h2', {}, error instanceof ServiceProblem ? error.title : 'The page failed'),
        element('p', {}, error instanceof Error ? error.message : 'For a reason it does not know.'),
        retry),
    );
  }
}

function setPageState(state: 'loading' | 'ready' | 'empty' | 'error'): void {
  document.documentElement.dataset['state'] = state;
}
