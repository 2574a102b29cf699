// The map itself: MapLibre over this service's own features. No tile, font or sprite is asked for anywhere.

import {
  Map as MapLibre, Marker, NavigationControl, ScaleControl, setWorkerUrl,
  type ExpressionSpecification, type FilterSpecification, type GeoJSONSource, type LayerSpecification, type MapGeoJSONFeature,
  type PaddingOptions,
  type StyleSpecification,
} from 'maplibre-gl';
import 'maplibre-gl/dist/maplibre-gl.css';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url';
import type { Findings, Surroundings } from './analyses.ts';
import type { Feature } from './api.ts';
import { boundsOf, middleOf } from './bounds.ts';
import { binOf, groupOf, type Palette } from './classes.ts';
import { element } from './dom.ts';
import { addGraticule } from './graticule.ts';
import { numberOf, textOf } from './properties.ts';
import type { State, View } from './state.ts';

/** A module of its own under the same origin: the page needs no `blob:` in its security policy. */
setWorkerUrl(workerUrl);

export interface Picked {
  area: string | null;
  cell: string | null;
}

export interface HotspotMap {
  show(findings: Findings, state: State): void;
  /** Takes findings away. */
  clear(): void;
  showSurroundings(kind: Surroundings['kind'], features: readonly Feature[]): void;
  apply(state: State): void;
  repaint(palette: Palette): void;
  /** Resolves when what was shown is on the screen; after some seconds in any case. */
  drawn(): Promise<void>;
  lookAt(view: View): void;
  /** Brings features into view: at once, or in a short flight (none where less motion is asked for). */
  fit(features: readonly Feature[], flight: boolean): void;
}

export interface MapEvents {
  onPick(picked: Picked): void;
  onMove(view: View): void;
}

const TITLE =
  'Map of hotspots. Arrow keys move it, plus and minus zoom, Enter selects what lies under the cross in the middle.';
const MOST_BADGES = 30;
/** A map that is hidden, or that somebody keeps moving, is not waited for longer than this. */
const DRAWN_AT_LATEST_MS = 10_000;
/** Width of a cell on the screen from which its outline is drawn. */
const OUTLINED_CELL_PX = 16;
/** How far from a line a click may be. */
const LINE_REACH_PX = 4;
/** As in style.css. */
const LEGEND_WIDTH = 280;
const NOTHING: GeoJSON.FeatureCollection = { type: 'FeatureCollection', features: [] };

/** Resolves when the map can take data; rejects where the browser cannot draw it. */
export async function createMap(container: HTMLElement, palette: Palette, events: MapEvents): Promise<HotspotMap> {
  const map = new MapLibre({
    container,
    style: styleFor(palette),
    center: [0, 20],
    zoom: 1,
    attributionControl: false,
    dragRotate: false,
    touchPitch: false,
    fadeDuration: 0,
    maxZoom: 19,
    locale: { 'Map.Title': TITLE },
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new NavigationControl({ showCompass: false }), 'top-right');
  map.addControl(new ScaleControl({ unit: 'imperial' }), 'bottom-left');
  map.addControl(new ScaleControl({ unit: 'metric' }), 'bottom-left');
  await new Promise<void>((resolve) => map.once('load', () => resolve()));
  addGraticule(map, 'grid');
  listen(map, container, events);
  return handle(map);
}

function handle(map: MapLibre): HotspotMap {
  let badges: { marker: Marker; feature: Feature }[] = [];
  const apply = (state: State): void => {
    for (const layer of ['cells-fill', 'cells-line', 'streets']) {
      map.setLayoutProperty(layer, 'visibility', state.showCells ? 'visible' : 'none');
      map.setFilter(layer, shownOnly('group', state));
    }
    for (const layer of ['areas-fill', 'areas-halo', 'areas-hot', 'areas-cold', 'corridors-halo', 'corridors']) {
      map.setLayoutProperty(layer, 'visibility', state.showAreas ? 'visible' : 'none');
    }
    map.setFilter('areas-fill', shownOnly('class', state));
    // With the cells away the areas carry the colour.
    map.setPaintProperty('areas-fill', 'fill-opacity', state.showCells ? 0 : 0.45);
    for (const layer of ['areas-halo', 'corridors-halo', 'corridors']) map.setFilter(layer, shownOnly('class', state));
    map.setFilter('areas-hot', both(['==', ['get', 'class'], 'hot'], shownOnly('class', state)));
    map.setFilter('areas-cold', both(['==', ['get', 'class'], 'cold'], shownOnly('class', state)));
    for (const layer of ['selected-area', 'selected-corridor']) map.setFilter(layer, ['==', ['get', 'id'], state.area ?? '']);
    for (const layer of ['selected-cell', 'selected-street']) map.setFilter(layer, ['==', ['get', 'h3'], state.cell ?? '']);
    for (const { marker, feature } of badges) {
      const hidden = !state.showAreas || state.hidden.some((group) => group === textOf(feature.properties, 'class'));
      marker.getElement().hidden = hidden;
      marker.getElement().classList.toggle('selected', feature.id === state.area);
    }
  };
  return {
    apply,
    show(findings, state) {
      // Filters first: each change of them would lay out the new cells once more.
      apply(state);
      map.setLayerZoomRange('cells-line', outlineZoom(findings.cells), 24);
      for (const [filled, lines, features, properties] of [
        ['cells', 'streets', findings.cells, cellProperties], ['areas', 'corridors', findings.areas, areaProperties],
      ] as const) {
        map.getSource<GeoJSONSource>(filled)?.setData(drawn(features.filter((one) => !isLine(one)), properties));
        map.getSource<GeoJSONSource>(lines)?.setData(drawn(features.filter(isLine), properties));
      }
      for (const { marker } of badges) marker.remove();
      badges = badgesFor(findings).map((badge) => ({ ...badge, marker: badge.marker.addTo(map) }));
      apply(state);
    },
    clear() {
      for (const source of ['cells', 'areas', 'streets', 'corridors']) map.getSource<GeoJSONSource>(source)?.setData(NOTHING);
      for (const { marker } of badges) marker.remove();
      badges = [];
    },
    showSurroundings(kind, features) {
      map.getSource<GeoJSONSource>(`context-${kind}`)?.setData(drawn(features, () => ({})));
    },
    repaint(palette) {
      for (const layer of layersFor(palette)) {
        for (const [name, value] of Object.entries(layer.paint ?? {})) {
          if (name.endsWith('-color')) map.setPaintProperty(layer.id, name as 'fill-color', value as string);
        }
      }
    },
    drawn: () => new Promise((resolve) => {
      setTimeout(resolve, DRAWN_AT_LATEST_MS);
      // The map is idle once its last frame is handed over; two frames later the browser has shown it.
      map.once('idle', () => requestAnimationFrame(() => requestAnimationFrame(() => resolve())));
      map.triggerRepaint();
    }),
    lookAt: ({ zoom, lat, lng }) => void map.jumpTo({ zoom, center: [lng, lat] }),
    fit(features, flight) {
      const bounds = boundsOf(features.map((feature) => feature.geometry));
      if (bounds === null) return;
      const { west, south, east, north } = bounds;
      map.fitBounds([[west, south], [east, north]], { padding: freePadding(map), maxZoom: 15, duration: flight ? 600 : 0 });
    },
  };
}

/** The zoom from which the outlines of cells are drawn: below it they would cover the colours, and cost the most. */
function outlineZoom(cells: readonly Feature[]): number {
  const bounds = boundsOf(cells.slice(0, 1).map((cell) => cell.geometry));
  if (bounds === null) return 0;
  const pixelsAtZoom0 = ((bounds.east - bounds.west) / 360) * 512;
  return Math.min(22, Math.max(0, Math.log2(OUTLINED_CELL_PX / pixelsAtZoom0)));
}

/** Room around what is fitted: the legend's side stays free where the map is wide enough for both. */
function freePadding(map: MapLibre): PaddingOptions {
  const { clientWidth, clientHeight } = map.getContainer();
  const side = Math.min(60, clientWidth / 8, clientHeight / 8);
  return { top: side, bottom: side, left: side, right: clientWidth > 760 ? LEGEND_WIDTH + 40 : side };
}

function listen(map: MapLibre, container: HTMLElement, events: MapEvents): void {
  const drawnOf = (layers: string[]): string[] => layers.filter((layer) => map.getLayoutProperty(layer, 'visibility') !== 'none');
  const under = ({ x, y }: { x: number; y: number }): MapGeoJSONFeature[] => [
    ...map.queryRenderedFeatures([x, y], { layers: drawnOf(['areas-fill', 'cells-fill']) }),
    // A line need not be hit to the pixel.
    ...map.queryRenderedFeatures([[x - LINE_REACH_PX, y - LINE_REACH_PX], [x + LINE_REACH_PX, y + LINE_REACH_PX]], {
      layers: drawnOf(['corridors', 'streets']),
    }),
  ];
  const pickAt = (point: { x: number; y: number }): void => {
    const found = under(point);
    const idIn = (layers: readonly string[], name: string): string | null => {
      const value: unknown = found.find((feature) => layers.includes(feature.layer.id))?.properties[name];
      return typeof value === 'string' ? value : null;
    };
    events.onPick({ area: idIn(['areas-fill', 'corridors'], 'id'), cell: idIn(['cells-fill', 'streets'], 'h3') });
  };
  map.on('click', (event) => pickAt(event.point));
  map.on('mousemove', (event) => {
    map.getCanvas().style.cursor = under(event.point).length > 0 ? 'pointer' : '';
  });
  map.getCanvas().addEventListener('keydown', (event) => {
    if (event.key === 'Enter') pickAt({ x: container.clientWidth / 2, y: container.clientHeight / 2 });
    if (event.key === 'Escape') events.onPick({ area: null, cell: null });
  });
  map.on('moveend', () => {
    const { lat, lng } = map.getCenter();
    events.onMove({ zoom: map.getZoom(), lat, lng });
  });
  map.on('idle', () => container.setAttribute('data-drawn', 'true'));
  map.on('render', () => container.setAttribute('data-drawn', 'false'));
}

/** Only what is drawn goes to the map's worker; the panel reads the full properties from the page's own list. */
function drawn(
  features: readonly Feature[],
  properties: (feature: Feature) => GeoJSON.GeoJsonProperties,
): GeoJSON.FeatureCollection {
  return {
    type: 'FeatureCollection',
    features: features.flatMap((feature) =>
      feature.geometry === null
        ? []
        : [{ type: 'Feature' as const, geometry: feature.geometry, properties: properties(feature) }]),
  };
}

function cellProperties(cell: Feature): GeoJSON.GeoJsonProperties {
  const bin = binOf(cell.properties);
  return { h3: cell.id, group: groupOf(cell.properties), bin: bin === null ? 'untested' : String(bin) };
}

function areaProperties(area: Feature): GeoJSON.GeoJsonProperties {
  return { id: area.id, class: textOf(area.properties, 'class') ?? 'hot' };
}

/** Rank figures on the map, as plain elements: they need no font from anywhere. */
function badgesFor(findings: Findings): { marker: Marker; feature: Feature }[] {
  const cells = new Map(findings.cells.map((cell) => [cell.id, cell]));
  return findings.areas.slice(0, MOST_BADGES).flatMap((area) => {
    const rank = numberOf(area.properties, 'rank');
    const peak = cells.get(area.id.replace(/^[a-z]+-/, ''));
    const place = middleOf(area.geometry) ?? centerOf((peak ?? area).geometry);
    if (rank === null || place === null) return [];
    const badge = element('span', { class: `badge ${textOf(area.properties, 'class') ?? 'hot'}` }, String(rank));
    const holder = element('div', { class: 'on-map', 'aria-hidden': 'true', role: 'presentation' }, badge);
    const marker = new Marker({ element: holder });
    return [{ marker: marker.setLngLat(place), feature: area }];
  });
}

function centerOf(geometry: GeoJSON.Geometry | null): [lng: number, lat: number] | null {
  const bounds = boundsOf([geometry]);
  return bounds === null ? null : [(bounds.west + bounds.east) / 2, (bounds.south + bounds.north) / 2];
}

function isLine({ geometry }: Feature): boolean {
  return geometry?.type === 'LineString' || geometry?.type === 'MultiLineString';
}

function shownOnly(property: string, state: State): ExpressionSpecification {
  return state.hidden.length === 0 ? ['literal', true] : ['!', ['in', ['get', property], ['literal', [...state.hidden]]]];
}

function both(one: ExpressionSpecification, other: ExpressionSpecification): FilterSpecification {
  return ['all', one, other];
}

/** Widths of a line where the map shows a region, a city, a quarter. */
function widths(region: number, city: number, quarter: number): ExpressionSpecification {
  return ['interpolate', ['linear'], ['zoom'], 9, region, 12, city, 15, quarter];
}

function styleFor(palette: Palette): StyleSpecification {
  const source = (promoteId?: string): StyleSpecification['sources'][string] => ({
    // A narrow buffer: with the usual 128 pixels every tile lays out more than twice its own cells.
    type: 'geojson', data: NOTHING, buffer: 16, ...(promoteId === undefined ? {} : { promoteId }),
  });
  return {
    version: 8,
    sources: {
      grid: source(),
      cells: source('h3'),
      areas: source('id'),
      streets: source('h3'),
      corridors: source('id'),
      'context-boundary': source(),
      'context-roads': source(),
    },
    layers: layersFor(palette),
  };
}

function layersFor(palette: Palette): Exclude<LayerSpecification, { type: 'custom' }>[] {
  const binColour: ExpressionSpecification = [
    'match', ['get', 'bin'],
    '-3', palette.bins['-3'] ?? '', '-2', palette.bins['-2'] ?? '', '-1', palette.bins['-1'] ?? '',
    '0', palette.bins['0'] ?? '',
    '1', palette.bins['1'] ?? '', '2', palette.bins['2'] ?? '', '3', palette.bins['3'] ?? '',
    palette.untested,
  ];
  const classColour: ExpressionSpecification = [
    'match', ['get', 'class'], 'cold', palette.outline.cold, palette.outline.hot,
  ];
  const lineColour: ExpressionSpecification = [
    'match', ['get', 'bin'], 'untested', palette.untestedLine, palette.background,
  ];
  const round = { 'line-join': 'round', 'line-cap': 'round' } as const;
  return [
    { id: 'background', type: 'background', paint: { 'background-color': palette.background } },
    { id: 'grid', type: 'line', source: 'grid', paint: { 'line-color': palette.grid, 'line-width': 1 } },
    { id: 'cells-fill', type: 'fill', source: 'cells', paint: { 'fill-color': binColour, 'fill-antialias': false } },
    {
      id: 'cells-line', type: 'line', source: 'cells',
      paint: {
        'line-color': lineColour,
        'line-width': 1,
      },
    },
    {
      id: 'context-roads', type: 'line', source: 'context-roads', layout: round,
      paint: { 'line-color': palette.context, 'line-width': ['interpolate', ['linear'], ['zoom'], 9, 0.3, 15, 2], 'line-opacity': 0.7 },
    },
    {
      id: 'context-boundary', type: 'line', source: 'context-boundary', layout: round,
      paint: { 'line-color': palette.context, 'line-width': 2 },
    },
    { id: 'areas-fill', type: 'fill', source: 'areas', paint: { 'fill-color': classColour, 'fill-opacity': 0 } },
    {
      id: 'areas-halo', type: 'line', source: 'areas', layout: round,
      paint: { 'line-color': palette.outline.halo, 'line-width': 4.5, 'line-opacity': 0.8 },
    },
    { id: 'areas-hot', type: 'line', source: 'areas', layout: round, paint: { 'line-color': classColour, 'line-width': 2 } },
    {
      id: 'areas-cold', type: 'line', source: 'areas', layout: round,
      paint: { 'line-color': classColour, 'line-width': 2, 'line-dasharray': [1.5, 1.8] },
    },
    // A corridor is a rim around its streets.
    {
      id: 'corridors-halo', type: 'line', source: 'corridors', layout: round,
      paint: { 'line-color': palette.outline.halo, 'line-width': widths(8, 11, 17) },
    },
    { id: 'corridors', type: 'line', source: 'corridors', layout: round, paint: { 'line-color': classColour, 'line-width': widths(5, 8, 13) } },
    {
      id: 'streets', type: 'line', source: 'streets',
      layout: { 'line-cap': 'butt', 'line-join': 'round', 'line-sort-key': ['match', ['get', 'bin'], '3', 3, '2', 2, '1', 1, 0] },
      paint: { 'line-color': binColour, 'line-width': widths(1.2, 3, 7) },
    },
    {
      id: 'selected-corridor', type: 'line', source: 'corridors', layout: round, filter: ['==', ['get', 'id'], ''],
      paint: { 'line-color': palette.selection, 'line-width': 2.5, 'line-gap-width': widths(6, 9, 14) },
    },
    {
      id: 'selected-street', type: 'line', source: 'streets', filter: ['==', ['get', 'h3'], ''],
      paint: { 'line-color': palette.selection, 'line-width': 2.5, 'line-gap-width': widths(1.2, 3, 7) },
    },
    {
      id: 'selected-area', type: 'line', source: 'areas', layout: round, filter: ['==', ['get', 'id'], ''],
      paint: { 'line-color': palette.selection, 'line-width': 4 },
    },
    {
      id: 'selected-cell', type: 'line', source: 'cells', layout: round, filter: ['==', ['get', 'h3'], ''],
      paint: { 'line-color': palette.selection, 'line-width': 2.5 },
    },
  ];
}
