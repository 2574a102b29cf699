// Cells that lie side by side as one place: who touches whom, and the line around them.

import type { Feature } from './api.ts';

type Position = [lng: number, lat: number];

/** Cells grouped by shared edges, each group in the order given; groups in the order of their first cells. */
export function clustersOf(cells: readonly Feature[]): Feature[][] {
  const parent = cells.map((_, index) => index);
  const rootOf = (index: number): number => {
    let root = index;
    while (parent[root] !== root) root = parent[root] ?? root;
    parent[index] = root;
    return root;
  };
  const seen = new Map<string, number>();
  cells.forEach((cell, index) => {
    for (const [a, b] of edgesOf(cell)) {
      const key = edgeKey(a, b);
      const other = seen.get(key);
      if (other === undefined) seen.set(key, index);
      else parent[Math.max(rootOf(index), rootOf(other))] = Math.min(rootOf(index), rootOf(other));
    }
  });
  const groups = new Map<number, Feature[]>();
  cells.forEach((cell, index) => {
    const root = rootOf(index);
    groups.set(root, [...(groups.get(root) ?? []), cell]);
  });
  return [...groups.values()];
}

/** The line around cells that lie side by side: the edges that only one of them has, joined to rings. */
export function outlineOf(cells: readonly Feature[]): GeoJSON.MultiPolygon {
  const next = new Map<string, Position[]>();
  const edges = new Map<string, [Position, Position] | null>();
  for (const cell of cells) {
    for (const edge of edgesOf(cell)) {
      const key = edgeKey(...edge);
      edges.set(key, edges.has(key) ? null : edge);
    }
  }
  for (const edge of edges.values()) {
    if (edge !== null) next.set(positionKey(edge[0]), [...(next.get(positionKey(edge[0])) ?? []), edge[1]]);
  }
  const rings: Position[][] = [];
  for (const edge of edges.values()) {
    const ring = edge === null ? null : ringFrom(edge[0], next);
    if (ring !== null) rings.push(ring);
  }
  return { type: 'MultiPolygon', coordinates: rings.map((ring) => [ring]) };
}

function ringFrom(start: Position, next: Map<string, Position[]>): Position[] | null {
  const ring: Position[] = [start];
  for (let at = next.get(positionKey(start))?.pop(); at !== undefined; at = next.get(positionKey(at))?.pop()) ring.push(at);
  return ring.length > 3 ? ring : null;
}

function edgesOf(cell: Feature): [Position, Position][] {
  const { geometry } = cell;
  const rings = geometry?.type === 'Polygon' ? geometry.coordinates
    : geometry?.type === 'MultiPolygon' ? geometry.coordinates.flat() : [];
  return rings.flatMap((ring) => ring.slice(1).map((position, index): [Position, Position] =>
    [ring[index] as Position, position as Position]));
}

function positionKey([lng, lat]: Position): string {
  return `${lng.toFixed(6)} ${lat.toFixed(6)}`;
}

function edgeKey(a: Position, b: Position): string {
  const [one, other] = [positionKey(a), positionKey(b)];
  return one < other ? `${one} ${other}` : `${other} ${one}`;
}
