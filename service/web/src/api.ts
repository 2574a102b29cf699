// The service as this page sees it: collections and features, over relative addresses only.

import { isObject, type Properties } from './properties.ts';

export interface Collection {
  id: string;
  title?: string;
  description?: string;
  /** The method behind findings; layers have none. */
  method?: string;
  /** Where it lies; a table without places has no such. */
  extent?: { spatial?: unknown };
}

export interface Feature {
  type: 'Feature';
  id: string;
  geometry: GeoJSON.Geometry | null;
  properties: Properties;
}

export interface Items {
  features: Feature[];
  /** The data version's time, as the service says it. */
  timeStamp: string | null;
  /** Run, method, parameters and diagnostics. */
  emberline: Properties;
}

export interface Progress {
  loaded: number;
  /** Null where the service does not say how many there are. */
  total: number | null;
}

const PAGE_SIZE = 10_000;

/** The service answered with a problem, did not answer, or answered something unreadable. */
export class ServiceProblem extends Error {
  readonly title: string;
  readonly status: number | null;

  constructor(title: string, detail: string, status: number | null) {
    super(detail);
    this.name = 'ServiceProblem';
    this.title = title;
    this.status = status;
  }
}

/** The root of the service: the page lives one level below it, at `map/`. */
export function serviceRoot(pageAddress: string): URL {
  const page = new URL(pageAddress);
  const path = page.pathname.replace(/\/(index\.html)?$/, '');
  return new URL(path.slice(0, path.lastIndexOf('/') + 1) || '/', page.origin);
}

export async function fetchCollections(root: URL, signal?: AbortSignal): Promise<Collection[]> {
  const answer = await fetchJson(new URL('collections?f=json', root), signal);
  const list = answer['collections'];
  if (!Array.isArray(list)) {
    throw new ServiceProblem('Unreadable answer', 'The service did not send a list of collections.', null);
  }
  return list.filter((one): one is Collection => isObject(one) && typeof one['id'] === 'string');
}

/** All features of a collection, page after page; once more from the start if the snapshot was replaced meanwhile. */
export async function fetchItems(
  root: URL,
  collection: string,
  onProgress: (progress: Progress) => void,
  signal?: AbortSignal,
): Promise<Items> {
  try {
    return await fetchPages(root, collection, onProgress, signal);
  } catch (error) {
    if (error instanceof ServiceProblem && error.status === 410) {
      return await fetchPages(root, collection, onProgress, signal);
    }
    throw error;
  }
}

async function fetchPages(
  root: URL,
  collection: string,
  onProgress: (progress: Progress) => void,
  signal?: AbortSignal,
): Promise<Items> {
  const items: Items = { features: [], timeStamp: null, emberline: {} };
  const seen = new Set<string>();
  let page: URL | null = new URL(
    `collections/${encodeURIComponent(collection)}/items?f=json&limit=${PAGE_SIZE}`,
    root,
  );
  while (page !== null && !seen.has(page.href)) {
    seen.add(page.href);
    const answer: Properties = await fetchJson(page, signal);
    const features = answer['features'];
    if (!Array.isArray(features)) {
      throw new ServiceProblem('Unreadable answer', `${collection}: the service did not send features.`, null);
    }
    for (const feature of features) items.features.push(feature as Feature);
    if (seen.size === 1) {
      items.timeStamp = typeof answer['timeStamp'] === 'string' ? answer['timeStamp'] : null;
      items.emberline = isObject(answer['emberline']) ? answer['emberline'] : {};
    }
    const matched = answer['numberMatched'];
    onProgress({ loaded: items.features.length, total: typeof matched === 'number' ? matched : null });
    page = nextPage(answer, page);
  }
  return items;
}

/**
 * The address of the next page, or null.
 *
 * Only the query of the link is followed: behind a proxy the service may know itself by another name,
 * and this page speaks to no host but its own.
 */
export function nextPage(answer: Properties, current: URL): URL | null {
  const links = answer['links'];
  if (!Array.isArray(links)) return null;
  const next = links.find((link) => isObject(link) && link['rel'] === 'next' && typeof link['href'] === 'string');
  if (next === undefined) return null;
  const address = new URL(current);
  address.search = new URL(next.href as string, current).search;
  return address;
}

async function fetchJson(address: URL, signal?: AbortSignal): Promise<Properties> {
  let response: Response;
  try {
    response = await fetch(address, {
      headers: { Accept: 'application/geo+json, application/json' },
      signal: signal ?? null,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ServiceProblem('No answer', 'The service cannot be reached. Is it running?', null);
  }
  const body: unknown = await response.json().catch((error: unknown) => {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    return null;
  });
  if (!response.ok) throw problemFrom(response.status, body);
  if (!isObject(body)) {
    throw new ServiceProblem('Unreadable answer', 'The service sent something that is not JSON.', response.status);
  }
  return body;
}

/** What a problem+json body says, in the words of the service where it has any. */
export function problemFrom(status: number, body: unknown): ServiceProblem {
  const problem = isObject(body) ? body : {};
  const title = typeof problem['title'] === 'string' ? problem['title'] : 'The service could not answer';
  const detail =
    typeof problem['detail'] === 'string' ? problem['detail'] : `It answered with status ${status} and no reason.`;
  return new ServiceProblem(title, detail, status);
}
