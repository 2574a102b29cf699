// Which collections make a hotspots analysis, and what a loaded one carries.

import type { Collection, Feature, Items } from './api.ts';
import { isObject, numberOf, objectOf, textOf, type Properties } from './properties.ts';

export interface Analysis {
  id: string;
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
  /** Whether expected counts follow a population rather than an even spread. */
  denominator: boolean;
}

export interface Findings {
  run: string | null;
  areas: Feature[];
  cells: Feature[];
  context: Context;
  warnings: string[];
  timeStamp: string | null;
}

const CELLS = '.cells';
const NO_DENOMINATOR = 'This map shows where incidents are, not where risk is: no population was taken into account.';

/** The hotspots analyses among the collections: those that have a collection of cells beside them. */
export function hotspotAnalyses(collections: Collection[]): Analysis[] {
  const ids = new Set(collections.map((collection) => collection.id));
  return collections
    .filter((collection) => ids.has(collection.id + CELLS))
    .map((collection) => ({
      id: collection.id,
      title: collection.title || collection.id,
      description: collection.description || null,
    }));
}

export function cellsCollection(analysis: string): string {
  return analysis + CELLS;
}

export function findingsFrom(areas: Items, cells: Items): Findings {
  const context = contextFrom(areas.emberline, cells.features);
  return {
    run: textOf(areas.emberline, 'run'),
    areas: byRank(areas.features),
    cells: cells.features,
    context,
    warnings: warningsFrom([areas.emberline, cells.emberline], context),
    timeStamp: areas.timeStamp ?? cells.timeStamp,
  };
}

/** Whether two answers speak of different runs: one was replaced while the other was read. */
export function isTorn(areas: Items, cells: Items): boolean {
  const one = textOf(areas.emberline, 'run');
  const other = textOf(cells.emberline, 'run');
  return one !== null && other !== null && one !== other;
}

export function contextFrom(emberline: Properties, cells: Feature[]): Context {
  const parameters = objectOf(emberline, 'parameters');
  const k = parameters['k'];
  return {
    alpha: numberOf(parameters, 'alpha') ?? 0.05,
    side: textOf(parameters, 'side') ?? 'hot',
    k: typeof k === 'number' || typeof k === 'string' ? String(k) : 'auto',
    denominator:
      (parameters['population'] ?? null) !== null ||
      cells.some((cell) => numberOf(cell.properties, 'relative_risk') !== null),
  };
}

/** The warnings that the diagnostics carry, each once; and always that counts are not risk. */
export function warningsFrom(members: Properties[], context: Context): string[] {
  const found = members.flatMap((member) => {
    const warnings = objectOf(member, 'diagnostics')['warnings'];
    return Array.isArray(warnings) ? warnings.map(warningText) : [];
  });
  const warnings = [...new Set(found.filter((warning) => warning !== ''))];
  const said = warnings.some((warning) => /not where (the )?risk is/i.test(warning));
  return context.denominator || said ? warnings : [NO_DENOMINATOR, ...warnings];
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
