// How the findings of each method are told: titles, sentences, legend, lists.

import type { Context, Method } from './analyses.ts';
import {
  corridorLine, corridorSentences, corridorSummary, corridorTitle, pieceOver, pieceSentences, pieceTitle,
} from './corridors.ts';
import { densityLine, densitySentences, densitySummary, densityTitle } from './density.ts';
import { emergingCellTitle, emergingLine, emergingPlaceSentences, emergingSentences, emergingSummary, emergingTitle } from './emerging.ts';
import {
  forecastCellTitle, forecastLine, forecastPlaceSentences, forecastSentences, forecastSummary, forecastTitle,
} from './forecast.ts';
import { gapCellTitle, gapLine, gapPlaceSentences, gapSentences, gapsSummary, gapTitle } from './gaps.ts';
import { outlierCellTitle, outlierLine, outlierPlaceSentences, outlierSentences, outlierSummary, outlierTitle } from './outliers.ts';
import { placeCellTitle, placeLine, placeSentences, placeSize, placeTitle, prioritySummary } from './priority.ts';
import { numberOf, textOf, type Properties } from './properties.ts';
import { scanLine, scanSentences, scanSummary, scanTitle } from './scan.ts';
import { sewershedLine, sewershedSentences, sewershedTitle, surveillanceSummary } from './surveillance.ts';
import { areaLine, areaSentences, areaTitle, cellSentences, cellTitle, percent, summary, thresholdSentence } from './words.ts';

export interface Told {
  over: string;
  title: string;
  sentences: string[];
}

export interface Words {
  /** Names of what is outlined and of what is filled, for the legend's switches. */
  outlines: string;
  fills: string;
  /** One and many of what is counted beside the filters. */
  counted: [one: string, many: string];
  listHeading: string;
  listNote: string;
  line(area: Properties): string;
  title(area: Properties): string;
  area(area: Properties, context: Context): Told;
  cell(id: string, cell: Properties, context: Context): Told;
  summary(areas: readonly Properties[], cells: readonly Properties[], context: Context): string;
  threshold(context: Context): string;
}

const hotspots: Words = {
  outlines: 'Outlines of areas',
  fills: 'Cells',
  counted: ['cell', 'cells'],
  listHeading: 'By rank',
  listNote: 'Largest excess over expectation first.',
  line: areaLine,
  title: areaTitle,
  area(area, context) {
    const rank = numberOf(area, 'rank');
    const kind = textOf(area, 'class') === 'cold' ? 'Cold spot' : 'Hot spot';
    const place = [rank === null ? kind : `${kind}, rank ${rank}`, textOf(area, 'district')];
    return { over: place.filter(Boolean).join(' · '), title: areaTitle(area), sentences: areaSentences(area, context) };
  },
  cell: (id, cell, context) => ({ over: `Cell ${id}`, title: cellTitle(cell), sentences: cellSentences(cell, context) }),
  summary: (areas, _, context) => summary(areas, context),
  threshold: thresholdSentence,
};

const surveillance: Words = {
  outlines: 'Outlines of sewersheds in alarm',
  fills: 'Sewersheds',
  counted: ['sewershed', 'sewersheds'],
  listHeading: 'In alarm',
  listNote: 'Clearest evidence first.',
  line: sewershedLine,
  title: sewershedTitle,
  area: (area, context) => ({ over: 'Sewershed in alarm', title: sewershedTitle(area), sentences: sewershedSentences(area, context) }),
  cell: (_, cell, context) => ({ over: 'Sewershed', title: sewershedTitle(cell), sentences: sewershedSentences(cell, context) }),
  summary: (areas, _, context) => surveillanceSummary(areas, context),
  threshold: (context) =>
    `A sewershed is in alarm at q ≤ ${percent(context.alpha)}, each series judged against its own past and never against its neighbours.`,
};

const gaps: Words = {
  outlines: 'Outlines of places',
  fills: 'Cells',
  counted: ['cell', 'cells'],
  listHeading: 'Places',
  listNote: 'Most unserved locations first.',
  line: gapLine,
  title: gapTitle,
  area: (area) => ({ over: 'More unserved than elsewhere', title: gapTitle(area), sentences: gapPlaceSentences(area) }),
  cell: (id, cell, context) => ({ over: `Cell ${id}`, title: gapCellTitle(cell), sentences: gapSentences(cell, context) }),
  summary: gapsSummary,
  threshold: (context) => `A place is marked at q ≤ ${percent(context.alpha)}: it has more unserved locations than the overall share explains.`,
};

const priority: Words = {
  outlines: 'Outlines of the first places',
  fills: 'Cells',
  counted: ['cell', 'cells'],
  listHeading: 'First places',
  listNote: 'Highest score first.',
  line: placeLine,
  title: placeTitle,
  area: (area) => ({ over: 'Priority', title: placeTitle(area), sentences: [placeSize(area), ...placeSentences(area)] }),
  cell: (id, cell) => ({ over: `Cell ${id}`, title: placeCellTitle(cell), sentences: placeSentences(cell) }),
  summary: (_, cells) => prioritySummary(cells),
  threshold: () => 'The score orders places for attention: at 50, chance alone would show as much in one place of 1,000. Select one to see what it is made of.',
};

const emerging: Words = {
  outlines: 'Outlines of places',
  fills: 'Cells',
  counted: ['cell', 'cells'],
  listHeading: 'Places',
  listNote: 'Emerging first, then persistent and intermittent; hot before cold. At most 25 are listed.',
  line: emergingLine,
  title: emergingTitle,
  area: (area) => ({ over: 'Over time', title: emergingTitle(area), sentences: emergingPlaceSentences(area) }),
  cell: (id, cell, context) => ({ over: `Cell ${id}`, title: emergingCellTitle(cell), sentences: emergingSentences(cell, context) }),
  summary: (_, cells, context) => emergingSummary(cells, context),
  threshold: (context) =>
    `A cell is hot or cold in a period at q ≤ ${percent(context.alpha)}, over all cells and periods. Its pattern follows from these by rule and has no p of its own.`,
};

const outliers: Words = {
  outlines: 'Outlines of high places',
  fills: 'Cells',
  counted: ['cell', 'cells'],
  listHeading: 'High places',
  listNote: 'Among high ones first, then odd ones; most incidents first. At most 25 are listed.',
  line: outlierLine,
  title: outlierTitle,
  area: (area) => ({ over: 'Marked cells', title: outlierTitle(area), sentences: outlierPlaceSentences(area) }),
  cell: (id, cell, context) => ({ over: `Cell ${id}`, title: outlierCellTitle(cell), sentences: outlierSentences(cell, context) }),
  summary: (_, cells, context) => outlierSummary(cells, context),
  threshold: (context) => `A cell is marked at q ≤ ${percent(context.alpha)}, over all cells. High and low are against the mean of all cells; with a population, rates against the overall rate.`,
};

const scan: Words = {
  outlines: 'Outlines of significant clusters',
  fills: 'Clusters',
  counted: ['cluster', 'clusters'],
  listHeading: 'Significant clusters',
  listNote: 'Most likely first.',
  line: scanLine,
  title: scanTitle,
  area: (area, context) => ({ over: 'Significant cluster', title: scanTitle(area), sentences: scanSentences(area, context) }),
  cell: (_, cell, context) => ({ over: 'Cluster', title: scanTitle(cell), sentences: scanSentences(cell, context) }),
  summary: (areas, _, context) => scanSummary(areas, context),
  threshold: (context) => `A cluster is significant at p ≤ ${percent(context.alpha)}. p already allows for all places and windows that were looked at.`,
};

const clusters: Words = {
  outlines: 'Outlines of clusters',
  fills: 'Areas of clusters',
  counted: ['cluster', 'clusters'],
  listHeading: 'Clusters',
  listNote: 'Most incidents first.',
  line: densityLine,
  title: densityTitle,
  area: (area, context) => ({ over: 'Incidents close together', title: densityTitle(area), sentences: densitySentences(area, context) }),
  cell: (_, cell, context) => ({ over: 'Incidents close together', title: densityTitle(cell), sentences: densitySentences(cell, context) }),
  summary: (areas) => densitySummary(areas),
  threshold: () => 'Clusters follow from the distances and numbers that were asked for. They are no test against chance.',
};

const forecast: Words = {
  outlines: 'Outlines of the first places',
  fills: 'Cells',
  counted: ['cell', 'cells'],
  listHeading: 'First places',
  listNote: 'Most expected incidents first. At most 25 are listed.',
  line: forecastLine,
  title: forecastTitle,
  area: (area) => ({ over: 'Next period', title: forecastTitle(area), sentences: forecastPlaceSentences(area) }),
  cell: (id, cell) => ({ over: `Cell ${id}`, title: forecastCellTitle(cell), sentences: forecastSentences(cell) }),
  summary: (_, cells) => forecastSummary(cells),
  threshold: () => 'Colours follow the order of what is expected. How well such forecasts did on past periods stands in the back-test.',
};

const corridors: Words = {
  outlines: 'Corridors',
  fills: 'Streets',
  counted: ['piece', 'pieces'],
  listHeading: 'Corridors',
  listNote: 'Clearest first.',
  line: corridorLine,
  title: corridorTitle,
  area(area, context) {
    const rank = numberOf(area, 'rank');
    return { over: rank === null ? 'Corridor' : `Corridor ${rank}`, title: corridorTitle(area), sentences: corridorSentences(area, context) };
  },
  cell: (_, cell) => ({ over: pieceOver(cell), title: pieceTitle(cell), sentences: pieceSentences(cell) }),
  summary: (areas, _, context) => corridorSummary(areas, context),
  threshold: (context) =>
    `Corridors are drawn with a rim. One is clear at p ≤ ${percent(context.alpha)}: p already allows for all stretches that were looked at. Colours of streets follow the order of their excess and are no test.`,
};

export const VIEWS: Readonly<Record<Method, Words>> = {
  hotspots, emerging, outliers, scan, clusters, forecast, corridors, surveillance, gaps, priority,
};
