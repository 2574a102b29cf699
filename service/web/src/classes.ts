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
  emerging: { hot: 'Hot now', cold: 'Cold now', none: 'No pattern', untested: 'Former or not tested' },
  outliers: { hot: 'High cells', cold: 'Low cells', none: 'No clear difference', untested: 'Not tested' },
  scan: { hot: 'Significant', cold: '', none: 'Not significant', untested: 'Not tested' },
  clusters: { hot: 'Clusters', cold: '', none: '', untested: '' },
  forecast: { hot: 'First 5 % of cells', cold: '', none: 'All others', untested: 'No forecast' },
  corridors: { hot: 'First 5 % of streets', cold: '', none: 'All other streets', untested: 'Not known' },
};

/** The colour step of what is classed otherwise than by q and side; undefined for all else. */
function ownBin(properties: Properties): Bin | undefined {
  if ('score' in properties) return scoreBin(numberOf(properties, 'score'));
  if ('pattern' in properties) return patternBin(properties);
  if ('quadrant' in properties) return quadrantBin(properties);
  if ('llr' in properties) return clusterBin(properties);
  if ('pile_share' in properties) return 2;
  if ('rank_share' in properties) return rankBin(numberOf(properties, 'rank_share'));
  return undefined;
}

/** By the short label of the pattern, on the side of its name; what is over has no step of its own. */
function patternBin(properties: Properties): Bin {
  const steps: Readonly<Record<string, number>> = { emerging: 3, persistent: 2, intermittent: 1 };
  const short = textOf(properties, 'short');
  if (short === 'former' || (textOf(properties, 'reason') ?? '').startsWith('No answer')) return null;
  const sign = (textOf(properties, 'pattern') ?? '').endsWith('cold spot') ? -1 : 1;
  const step = steps[short ?? ''] ?? 0;
  return (step === 0 ? 0 : sign * step) as Bin;
}

function quadrantBin(properties: Properties): Bin {
  if (numberOf(properties, 'q') === null) return null;
  const steps: Readonly<Record<string, Bin>> = { HH: 2, HL: 3, LL: -2, LH: -3 };
  return steps[textOf(properties, 'class') ?? ''] ?? 0;
}

function clusterBin(properties: Properties): Bin {
  const p = numberOf(properties, 'p');
  return p === null ? null : strengthOf(p) as Bin;
}

function rankBin(share: number | null): Bin {
  if (share === null) return null;
  return share <= 0.01 ? 3 : share <= 0.05 ? 2 : share <= 0.2 ? 1 : 0;
}

function ownGroup(properties: Properties, bin: Bin): Group {
  if ('llr' in properties) return properties['significant'] === true ? 'hot' : bin === null ? 'untested' : 'none';
  if ('rank_share' in properties) return bin === null ? 'untested' : bin >= 2 ? 'hot' : 'none';
  return bin === null ? 'untested' : bin > 0 ? 'hot' : bin < 0 ? 'cold' : 'none';
}

export function groupOf(properties: Properties): Group {
  if ('score' in properties) {
    if (numberOf(properties, 'score') === null) return 'untested';
    return (numberOf(properties, 'agreement') ?? 0) > 0 ? 'hot' : 'none';
  }
  const own = ownBin(properties);
  if (own !== undefined) return ownGroup(properties, own);
  if (numberOf(properties, 'q') === null) return 'untested';
  const found = textOf(properties, 'class');
  return found === 'hot' || found === 'cold' ? found : 'none';
}

export function binOf(properties: Properties): Bin {
  const own = ownBin(properties);
  if (own !== undefined) return own;
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

const HEADINGS: Readonly<Record<'hotspots' | 'surveillance' | 'gaps', Readonly<{ hot: string; cold: string }>>> = {
  hotspots: { hot: 'More incidents than expected', cold: 'Fewer incidents than expected' },
  surveillance: { hot: 'Above its own past', cold: 'Below its own past' },
  gaps: { hot: 'More unserved than elsewhere', cold: 'Fewer unserved than elsewhere' },
};

/** The legend: cold rows only where the analysis looked for them. */
export function legendParts(side: string, method: Method = 'hotspots'): LegendPart[] {
  switch (method) {
    case 'priority': return SCORES;
    case 'emerging': return patternParts(side);
    case 'outliers': return QUADRANTS;
    case 'scan': return SCANNED;
    case 'clusters': return DENSE;
    case 'forecast': return FORECAST;
    case 'corridors': return STREETS;
    default: return evidenceParts(side, method);
  }
}

function evidenceParts(side: string, method: keyof typeof HEADINGS): LegendPart[] {
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

/** Patterns over time; cold rows only where the analysis looked for them. */
function patternParts(side: string): LegendPart[] {
  const rows = (sign: 1 | -1): LegendRow[] => [
    { bin: (3 * sign) as Bin, label: 'emerging', note: 'new or growing' },
    { bin: (2 * sign) as Bin, label: 'persistent', note: 'nearly always' },
    { bin: sign, label: 'intermittent', note: 'on and off' },
  ];
  return [
    ...(side === 'cold' ? [] : [{ heading: 'Hot in the last period', rows: rows(1) }]),
    ...(side === 'hot' ? [] : [{ heading: 'Cold in the last period', rows: rows(-1) }]),
    {
      heading: null,
      rows: [
        { bin: 0, label: 'No pattern', note: 'neither now' },
        { bin: null, label: 'Former, or not tested', note: 'over, or no answer' },
      ],
    },
  ];
}

const QUADRANTS: LegendPart[] = [
  {
    heading: 'High cells',
    rows: [
      { bin: 3, label: 'high among low ones', note: 'HL, odd' },
      { bin: 2, label: 'high among high ones', note: 'HH, alike' },
    ],
  },
  {
    heading: 'Low cells',
    rows: [
      { bin: -3, label: 'low among high ones', note: 'LH, odd' },
      { bin: -2, label: 'low among low ones', note: 'LL, alike' },
    ],
  },
  {
    heading: null,
    rows: [
      { bin: 0, label: 'No clear difference', note: 'not called' },
      { bin: null, label: 'Not tested', note: 'no answer' },
    ],
  },
];

const SCANNED: LegendPart[] = [
  {
    heading: 'Clusters as a whole',
    rows: [
      { bin: 3, label: 'very strong evidence', note: 'p ≤ 1 %' },
      { bin: 2, label: 'strong evidence', note: 'p ≤ 5 %' },
      { bin: 1, label: 'weak evidence', note: 'p ≤ 10 %' },
      { bin: 0, label: 'Chance may explain it', note: 'p > 10 %' },
    ],
  },
];

const DENSE: LegendPart[] = [
  { heading: 'Density, not evidence', rows: [{ bin: 2, label: 'incidents close together', note: 'not tested' }] },
];

const FORECAST: LegendPart[] = [
  {
    heading: 'Cells by what is expected',
    rows: [
      { bin: 3, label: 'the first 1 %', note: 'most expected' },
      { bin: 2, label: 'the first 5 %', note: '' },
      { bin: 1, label: 'the first 20 %', note: '' },
      { bin: 0, label: 'all others', note: 'least expected' },
      { bin: null, label: 'No forecast', note: 'no answer' },
    ],
  },
];

const STREETS: LegendPart[] = [
  {
    heading: 'Length of streets by excess per km',
    rows: [
      { bin: 3, label: 'the first 1 %', note: 'most excess' },
      { bin: 2, label: 'the first 5 %', note: '' },
      { bin: 1, label: 'the first 20 %', note: '' },
      { bin: 0, label: 'all others', note: 'little or none' },
      { bin: null, label: 'Not known', note: 'no answer' },
    ],
  },
];

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
