// Extents of features on the map.

export interface Bounds {
  west: number;
  south: number;
  east: number;
  north: number;
}

/** The smallest extent around all geometries, across the antimeridian where that is narrower; null without coordinates. */
export function boundsOf(geometries: readonly (GeoJSON.Geometry | null)[]): Bounds | null {
  const straight = extent(geometries, (lng) => lng);
  if (straight === null || straight.east - straight.west <= 180) return straight;
  const across = extent(geometries, (lng) => (lng < 0 ? lng + 360 : lng));
  return across !== null && across.east - across.west < straight.east - straight.west ? across : straight;
}

function extent(geometries: readonly (GeoJSON.Geometry | null)[], place: (lng: number) => number): Bounds | null {
  const bounds: Bounds = { west: Infinity, south: Infinity, east: -Infinity, north: -Infinity };
  for (const geometry of geometries) {
    if (geometry !== null && 'coordinates' in geometry) widen(bounds, geometry.coordinates, place);
  }
  return bounds.west <= bounds.east ? bounds : null;
}

function widen(bounds: Bounds, coordinates: unknown, place: (lng: number) => number): void {
  if (!Array.isArray(coordinates)) return;
  const [lng, lat] = coordinates as unknown[];
  if (typeof lng !== 'number' || typeof lat !== 'number') {
    for (const part of coordinates) widen(bounds, part, place);
    return;
  }
  const x = place(lng);
  bounds.west = Math.min(bounds.west, x);
  bounds.east = Math.max(bounds.east, x);
  bounds.south = Math.min(bounds.south, lat);
  bounds.north = Math.max(bounds.north, lat);
}

/** The place halfway along a line (of several the longest); null where there is none. */
export function middleOf(geometry: GeoJSON.Geometry | null): [lng: number, lat: number] | null {
  const lines = geometry?.type === 'LineString' ? [geometry.coordinates] : geometry?.type === 'MultiLineString' ? geometry.coordinates : [];
  const [longest] = [...lines].sort((one, other) => lengthOf(other) - lengthOf(one));
  if (longest === undefined) return null;
  let left = lengthOf(longest) / 2;
  for (const [index, step] of stepsOf(longest).entries()) {
    const [from, to] = [longest[index], longest[index + 1]];
    if (from?.[0] === undefined || from[1] === undefined || to?.[0] === undefined || to[1] === undefined) return null;
    if (step >= left) {
      const share = step === 0 ? 0 : left / step;
      return [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])];
    }
    left -= step;
  }
  return null;
}

function lengthOf(line: GeoJSON.Position[]): number {
  return stepsOf(line).reduce((sum, step) => sum + step, 0);
}

/** Lengths of the straight parts, in degrees of latitude. */
function stepsOf(line: GeoJSON.Position[]): number[] {
  return line.slice(1).map(([lng = 0, lat = 0], index) => {
    const [fromLng = 0, fromLat = 0] = line[index] ?? [];
    return Math.hypot((lng - fromLng) * Math.cos((lat * Math.PI) / 180), lat - fromLat);
  });
}

/** Distance of grid lines in degrees that gives about five across this span. */
export function gridStep(span: number): number {
  const steps = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];
  return steps.find((step) => span / step <= 6) ?? 45;
}
