// Which collections make an analysis, and what a loaded one carries.

import type { Collection, Feature, Items } from './api.ts';
import { streetParts } from './corridors.ts';
import { emergingPlaces } from './emerging.ts';
import { forecastCells, forecastPlaces } from './forecast.ts';
import { gapPlaces } from './gaps.ts';
import { outlierPlaces } from './outliers.ts';
import { priorityPlaces } from './priority.ts';
import { densityClusters } from './density.ts';
import { isObject, numberOf, objectOf, textOf, type Properties } from './properties.ts';
import { scanClusters } from './scan.ts';
import { sewersheds } from './surveillance.ts';

export interface Analysis {
  id: string;
  method: Method;
  title: string;
  description: string | null;
}

/** What the sentences about a feature need to know of the analysis it came from. */
export interface Context {
  alpha: number;
  /** `hot`, `cold` or `both`. */
  side: string;
  /** The ring asked for: a number, or `auto` for 1, 2 and 3 combined. */
  k: string;
  /** Incidents a cell on average, where an even spread is what is expected. */
  mean: number | null;
  /** IANA name of the layer's timezone. */
  timezone: string;
  /** Whether expected counts follow a population rather than an even spread. */
  denominator: boolean;
}

export interface Findings {
  method: Method;
  run: string | null;
  areas: Feature[];
  cells: Feature[];
  context: Context;
  warnings: string[];
  timeStamp: string | null;
  /** Where the numbers come from: what was asked and of what, as name and value. */
  origin: [name: string, value: string][];
  /** Layers that took part and help to find one's way. */
  surroundings: Surroundings[];
}

export interface Surroundings {
  kind: 'boundary' | 'roads';
  id: string;
  title: string;
  rows: number | null;
}

/** What the page can draw. */
export const METHODS = [
  'hotspots', 'emerging', 'outliers', 'scan', 'clusters', 'forecast', 'corridors', 'surveillance', 'gaps', 'priority',
] as const;
export type Method = (typeof METHODS)[number];

/** The collection beside an analysis' own that the page reads as well. */
export const BESIDE: Readonly<Record<Method, string | null>> = {
  hotspots: '.cells',
  emerging: null,
  outliers: null,
  scan: null,
  clusters: null,
  forecast: null,
  corridors: '.segments',
  surveillance: null,
  gaps: null,
  priority: null,
};

const NO_DENOMINATOR = 'This map shows where incidents are, not where risk is: no population was taken into account.';

/** The analyses among the collections that the page can draw; those that belong to another one are left out. */
export function drawableAnalyses(collections: Collection[]): Analysis[] {
  const ids = new Set(collections.map((collection) => collection.id));
  return collections.flatMap((collection) => {
    const method = methodOf(collection, ids);
    const isPart = /\.(cells|areas|series|backtest|segments|intersections|unmatched|ambiguous)$/.test(collection.id) && ids.has(collection.id.replace(/\.[a-z]+$/, ''));
    if (method === null || isPart) return [];
    return [{
      id: collection.id,
      method,
      title: collection.title || collection.id,
      description: collection.description || null,
    }];
  });
}

/** The analysis of an id: its own, or that of a collection beside it which it draws as well. */
export function analysisOf(id: string | null, analyses: readonly Analysis[]): Analysis | null {
  const own = id?.replace(/\.(cells|areas|segments)$/, '');
  return analyses.find((one) => one.id === id) ?? analyses.find((one) => one.id === own) ?? null;
}

/** The method that the service names; a collection with cells beside it is one of hotspots without that. */
function methodOf(collection: Collection, ids: ReadonlySet<string>): Method | null {
  if (collection.method !== undefined) return METHODS.find((method) => method === collection.method) ?? null;
  return ids.has(`${collection.id}.cells`) ? 'hotspots' : null;
}

/** What was found: `own` is the analysis' own collection, `beside` the one that goes with it. */
export function findingsFrom(method: Method, own: Items, beside: Items): Findings {
  const { areas, cells } = partsOf(method, own.features, beside.features);
  const context = contextFrom(own.emberline, cells, method);
  return {
    method,
    run: textOf(own.emberline, 'run'),
    areas,
    cells,
    context,
    warnings: warningsFrom([own.emberline, beside.emberline], context, method),
    timeStamp: own.timeStamp ?? beside.timeStamp,
    origin: originFrom(own.emberline),
    // Pieces of all streets are drawn: the roads that they came from would only lie over them.
    surroundings: surroundingsFrom(own.emberline).filter(({ kind }) => method !== 'corridors' || kind !== 'roads' || cells.length === 0),
  };
}

/** What is listed by rank and outlined (`areas`), and what is filled with colour (`cells`). */
function partsOf(method: Method, own: Feature[], beside: Feature[]): { areas: Feature[]; cells: Feature[] } {
  switch (method) {
    case 'hotspots': return { areas: byRank(own), cells: beside };
    case 'emerging': return { areas: emergingPlaces(own), cells: own };
    case 'outliers': return { areas: outlierPlaces(own), cells: own };
    case 'scan': return scanClusters(own);
    case 'clusters': return densityClusters(own);
    case 'forecast': {
      const cells = forecastCells(own);
      return { areas: forecastPlaces(cells), cells };
    }
    case 'corridors': return streetParts(own, beside);
    case 'surveillance': return sewersheds(own);
    case 'gaps': return { areas: gapPlaces(own), cells: own };
    case 'priority': return { areas: priorityPlaces(own), cells: own };
  }
}

/** Whether two answers speak of different runs: one was replaced while the other was read. */
export function isTorn(areas: Items, cells: Items): boolean {
  const one = textOf(areas.emberline, 'run');
  const other = textOf(cells.emberline, 'run');
  return one !== null && other !== null && one !== other;
}

export function contextFrom(emberline: Properties, cells: Feature[], method: Method = 'hotspots'): Context {
  const parameters = objectOf(emberline, 'parameters');
  const k = parameters['k'];
  const diagnostics = objectOf(emberline, 'diagnostics');
  const denominator =
    method !== 'hotspots' ||
    (parameters['population'] ?? null) !== null ||
    cells.some((cell) => numberOf(cell.properties, 'relative_risk') !== null);
  return {
    alpha: numberOf(parameters, 'alpha') ?? 0.05,
    side: textOf(parameters, 'side') ?? 'hot',
    timezone: knownZone(textOf(diagnostics, 'timezone')),
    k: typeof k === 'number' || typeof k === 'string' ? String(k) : 'auto',
    mean: denominator ? null : numberOf(diagnostics, 'mean'),
    denominator,
  };
}

/** The warnings that the diagnostics carry, each once; and always that counts are not risk. */
export function warningsFrom(members: Properties[], context: Context, method: Method = 'hotspots'): string[] {
  const found = members.flatMap((member) => {
    const { warnings, notes } = objectOf(member, 'diagnostics');
    return [warnings, notes].flatMap((list) => (Array.isArray(list) ? list.map(warningText) : []));
  });
  const warnings = [...new Set(found.filter((warning) => warning !== ''))];
  const said = warnings.some((warning) => /not where (the )?risk is/i.test(warning));
  return method !== 'hotspots' || context.denominator || said ? warnings : [NO_DENOMINATOR, ...warnings];
}

/** What was asked and of what; parameters left at "none" are left out. */
export function originFrom(emberline: Properties): [string, string][] {
  const found: [string, string][] = [];
  const add = (name: string, value: unknown): void => {
    if (value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) return;
    found.push([name, Array.isArray(value) ? value.join(', ') : isObject(value) ? JSON.stringify(value) : String(value)]);
  };
  add('method', [emberline['method'], emberline['method_version']].filter(Boolean).join(' '));
  for (const layer of layersOf(emberline)) add(textOf(layer, 'kind') ?? 'layer', layer['title'] ?? layer['id']);
  for (const [name, value] of Object.entries(objectOf(emberline, 'parameters'))) {
    if (!['layer', 'output', 'significant'].includes(name)) add(name, value);
  }
  const diagnostics = objectOf(emberline, 'diagnostics');
  for (const name of ['study_area_source', 'study_area_cells', 'rows_selected', 'rows_without_time', 'outside_study_area',
    'snapped', 'unmatched', 'ambiguous', 'intersections']) {
    add(name.replaceAll('_', ' '), diagnostics[name]);
  }
  add('data version', emberline['data_version']);
  add('run', emberline['run']);
  return found;
}

export function surroundingsFrom(emberline: Properties): Surroundings[] {
  return layersOf(emberline).flatMap((layer) => {
    const kind = layer['kind'];
    const id = textOf(layer, 'id');
    if (id === null || (kind !== 'boundary' && kind !== 'roads')) return [];
    return [{ kind, id, title: textOf(layer, 'title') ?? id, rows: numberOf(layer, 'rows') }];
  });
}

function layersOf(emberline: Properties): Properties[] {
  const layers = emberline['layers'];
  return Array.isArray(layers) ? layers.filter(isObject) : [];
}

function knownZone(name: string | null): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name ?? 'UTC' }).resolvedOptions().timeZone;
  } catch {
    return 'UTC';
  }
}

function warningText(warning: unknown): string {
  if (typeof warning === 'string') return warning.trim();
  if (!isObject(warning)) return '';
  return textOf(warning, 'message') ?? textOf(warning, 'detail') ?? '';
}

function byRank(areas: Feature[]): Feature[] {
  const rank = (area: Feature): number => numberOf(area.properties, 'rank') ?? Number.POSITIVE_INFINITY;
  return [...areas].sort((one, other) => rank(one) - rank(other) || (one.id < other.id ? -1 : 1));
}
