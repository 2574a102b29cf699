// Classes of cells and their colours. The ramp is read apart with any common colour vision: orange to blue, light to dark.

import type { Method } from './analyses.ts';
import { numberOf, textOf, type Properties } from './properties.ts';

/** What the filters speak of; `untested` is a cell without an answer. */
export type Group = 'hot' | 'cold' | 'none' | 'untested';
export const GROUPS: readonly Group[] = ['hot', 'cold', 'none', 'untested'];

/** Colour step of a cell: −3…3 by strength of evidence, or null where it was not tested. */
export type Bin = -3 | -2 | -1 | 0 | 1 | 2 | 3 | null;

export const GROUP_NAMES: Readonly<Record<Method, Readonly<Record<Group, string>>>> = {
  hotspots: { hot: 'Hot spots', cold: 'Cold spots', none: 'No clear difference', untested: 'Not tested' },
  surveillance: { hot: 'In alarm', cold: 'Low', none: 'No alarm', untested: 'Not known' },
  gaps: { hot: 'More unserved', cold: 'Fewer unserved', none: 'No clear difference', untested: 'Not tested' },
  priority: { hot: 'Significant in a layer', cold: '', none: 'Significant in none', untested: 'No evidence' },
};

export function groupOf(properties: Properties): Group {
  if ('score' in properties) {
    if (numberOf(properties, 'score') === null) return 'untested';
    return (numberOf(properties, 'agreement') ?? 0) > 0 ? 'hot' : 'none';
  }
  if (numberOf(properties, 'q') === null) return 'untested';
  const found = textOf(properties, 'class');
  return found === 'hot' || found === 'cold' ? found : 'none';
}

export function binOf(properties: Properties): Bin {
  if ('score' in properties) return scoreBin(numberOf(properties, 'score'));
  const q = numberOf(properties, 'q');
  if (q === null) return null;
  const bin = Math.round(numberOf(properties, 'gi_bin') ?? signOf(properties) * strengthOf(q));
  return Math.max(-3, Math.min(3, bin)) as Bin;
}

/** Steps of evidence from q, where the service gives none. */
function strengthOf(q: number): number {
  return q <= 0.01 ? 3 : q <= 0.05 ? 2 : q <= 0.1 ? 1 : 0;
}

function signOf(properties: Properties): 1 | -1 {
  const found = textOf(properties, 'class');
  return found === 'cold' || (found !== 'hot' && (numberOf(properties, 'z') ?? 0) < 0) ? -1 : 1;
}

function scoreBin(score: number | null): Bin {
  if (score === null) return null;
  return score >= 75 ? 3 : score >= 50 ? 2 : score >= 25 ? 1 : 0;
}

export interface Palette {
  background: string;
  grid: string;
  context: string;
  bins: Readonly<Record<string, string>>;
  untested: string;
  untestedLine: string;
  outline: Readonly<{ hot: string; cold: string; halo: string }>;
  selection: string;
}

const LIGHT: Palette = {
  background: '#f4f3f0',
  grid: '#dddbd5',
  context: '#b9b5ab',
  bins: {
    '-3': '#1f5d96', '-2': '#5f9dca', '-1': '#bcd8ea', '0': '#e2e0db',
    '1': '#f8d3a4', '2': '#ea8b3d', '3': '#b03a17',
  },
  untested: '#fbfaf8',
  untestedLine: '#a8a59d',
  outline: { hot: '#6b1d08', cold: '#123c66', halo: '#ffffff' },
  selection: '#111417',
};

// On a dark ground strength grows with lightness.
const DARK: Palette = {
  background: '#14171a',
  grid: '#252a2e',
  context: '#4a5157',
  bins: {
    '-3': '#a8d4f5', '-2': '#4f93c8', '-1': '#2b4f6d', '0': '#2b3035',
    '1': '#6d4a2b', '2': '#d2762d', '3': '#ffc27d',
  },
  untested: '#191d20',
  untestedLine: '#5d646a',
  outline: { hot: '#ffe3c2', cold: '#d6ecff', halo: '#14171a' },
  selection: '#ffffff',
};

export function paletteFor(dark: boolean): Palette {
  return dark ? DARK : LIGHT;
}

export function colourOf(bin: Bin, palette: Palette): string {
  return bin === null ? palette.untested : (palette.bins[String(bin)] ?? palette.untested);
}

export interface LegendRow {
  bin: Bin;
  label: string;
  note: string;
}

/** Rows under one heading; the last ones need none. */
export interface LegendPart {
  heading: string | null;
  rows: LegendRow[];
}

const HEADINGS: Readonly<Record<Exclude<Method, 'priority'>, Readonly<{ hot: string; cold: string }>>> = {
  hotspots: { hot: 'More incidents than expected', cold: 'Fewer incidents than expected' },
  surveillance: { hot: 'Above its own past', cold: 'Below its own past' },
  gaps: { hot: 'More unserved than elsewhere', cold: 'Fewer unserved than elsewhere' },
};

/** The legend: cold rows only where the analysis looked for them. */
export function legendParts(side: string, method: Method = 'hotspots'): LegendPart[] {
  if (method === 'priority') return SCORES;
  const parts: LegendPart[] = [];
  if (side !== 'cold') parts.push({ heading: HEADINGS[method].hot, rows: evidenceRows(1) });
  if (side !== 'hot') parts.push({ heading: HEADINGS[method].cold, rows: evidenceRows(-1) });
  parts.push({
    heading: null,
    rows: [
      { bin: 0, label: 'No clear difference', note: 'q > 10 %' },
      { bin: null, label: 'Not tested', note: 'no answer' },
    ],
  });
  return parts;
}

const SCORES: LegendPart[] = [
  {
    heading: 'Priority score',
    rows: [
      { bin: 3, label: 'very strong joint evidence', note: '75–100' },
      { bin: 2, label: 'strong joint evidence', note: '50–75' },
      { bin: 1, label: 'weak joint evidence', note: '25–50' },
      { bin: 0, label: 'little or none', note: '< 25' },
      { bin: null, label: 'No evidence', note: 'no answer' },
    ],
  },
];

function evidenceRows(sign: 1 | -1): LegendRow[] {
  return [
    { bin: (3 * sign) as Bin, label: 'very strong evidence', note: 'q ≤ 1 %' },
    { bin: (2 * sign) as Bin, label: 'strong evidence', note: 'q ≤ 5 %' },
    { bin: sign, label: 'weak evidence', note: 'q ≤ 10 %' },
  ];
}
