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

/** Distance of grid lines in degrees that gives about five across this span. */
export function gridStep(span: number): number {
  const steps = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];
  return steps.find((step) => span / step <= 6) ?? 45;
}
