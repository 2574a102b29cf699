// Lines of longitude and latitude with figures at the border: orientation without asking any other host for tiles.

import type { GeoJSONSource, Map as MapLibre } from 'maplibre-gl';
import { gridStep } from './bounds.ts';
import { element } from './dom.ts';

/** Corners belong to the map's buttons and scale bars. */
const MARGIN = 84;

export function addGraticule(map: MapLibre, source: string): void {
  const labels = element('div', { class: 'graticule', 'aria-hidden': 'true' });
  map.getContainer().append(labels);
  const update = (): void => {
    const { meridians, parallels, step } = visibleLines(map);
    map.getSource<GeoJSONSource>(source)?.setData(lines(meridians, parallels));
    labels.replaceChildren(
      ...meridians
        .map((lng) => ({ lng, x: map.project([lng, map.getCenter().lat]).x }))
        .filter(({ x }) => x > MARGIN && x < labels.clientWidth - MARGIN)
        .map(({ lng, x }) => label('meridian', x, lng, step, 'E', 'W')),
      ...parallels
        .map((lat) => ({ lat, y: map.project([map.getCenter().lng, lat]).y }))
        .filter(({ y }) => y > MARGIN / 2 && y < labels.clientHeight - MARGIN)
        .map(({ lat, y }) => label('parallel', y, lat, step, 'N', 'S')),
    );
  };
  map.on('move', update);
  map.on('resize', update);
  update();
}

function visibleLines(map: MapLibre): { meridians: number[]; parallels: number[]; step: number } {
  const bounds = map.getBounds();
  const step = gridStep(Math.max(bounds.getEast() - bounds.getWest(), 1e-6));
  const north = Math.min(85, bounds.getNorth());
  const south = Math.max(-85, bounds.getSouth());
  return {
    meridians: multiples(bounds.getWest(), bounds.getEast(), step),
    parallels: multiples(south, north, step),
    step,
  };
}

function multiples(from: number, to: number, step: number): number[] {
  const first = Math.ceil(from / step);
  return Array.from({ length: Math.max(0, Math.floor(to / step) - first + 1) }, (_, index) => (first + index) * step);
}

function lines(meridians: number[], parallels: number[]): GeoJSON.Feature {
  const west = (meridians[0] ?? 0) - 60;
  const east = (meridians.at(-1) ?? 0) + 60;
  return {
    type: 'Feature',
    properties: {},
    geometry: {
      type: 'MultiLineString',
      coordinates: [
        ...meridians.map((lng) => [[lng, -85], [lng, 85]]),
        ...parallels.map((lat) => [[west, lat], [east, lat]]),
      ],
    },
  };
}

function label(kind: string, at: number, degrees: number, step: number, plus: string, minus: string): HTMLElement {
  const wrapped = kind === 'meridian' ? ((((degrees + 180) % 360) + 360) % 360) - 180 : degrees;
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  const made = element('span', { class: kind }, `${Math.abs(wrapped).toFixed(digits)}° ${wrapped < 0 ? minus : plus}`);
  made.style[kind === 'meridian' ? 'left' : 'top'] = `${Math.round(at)}px`;
  return made;
}
