// The side panel: overview, what is selected, and the ranked list.

import type { Analysis, Findings } from './analyses.ts';
import type { Feature } from './api.ts';
import { element } from './dom.ts';
import { isObject, numberOf, textOf, type Properties } from './properties.ts';
import { VIEWS, type Told, type Words } from './views.ts';
import { dataTime } from './words.ts';

export function renderOverview(into: HTMLElement, analysis: Analysis, findings: Findings): void {
  const time = dataTime(findings.timeStamp, findings.context);
  into.replaceChildren(
    ...(analysis.description === null ? [] : [element('p', { class: 'fine' }, analysis.description)]),
    element('p', { class: 'lead' }, VIEWS[findings.method].summary(
      findings.areas.map((area) => area.properties), findings.cells.map((cell) => cell.properties), findings.context)),
    element('p', { class: 'fine' }, time === null ? 'The time of the data is not known.' : `Data as of ${time}`),
    ...warningBox(findings.warnings),
    element('details', {}, element('summary', {}, 'How this was made'), valueTable(Object.fromEntries(findings.origin))),
  );
  into.hidden = false;
}

function warningBox(warnings: readonly string[]): HTMLElement[] {
  const [first, ...rest] = warnings;
  if (first === undefined) return [];
  const box = element('div', { class: 'notice', role: 'note' }, element('p', {}, first));
  if (rest.length > 0) {
    box.append(
      element(
        'details',
        {},
        element('summary', {}, `${rest.length} more to keep in mind`),
        element('ul', {}, ...rest.map((warning) => element('li', {}, warning))),
      ),
    );
  }
  return [box];
}

export function renderDetail(
  into: HTMLElement,
  area: Feature | null,
  cell: Feature | null,
  findings: Findings,
  onClear: () => void,
): void {
  into.replaceChildren();
  into.hidden = area === null && cell === null;
  if (into.hidden) return;
  const clear = element('button', { type: 'button', class: 'quiet' }, 'Clear selection');
  clear.addEventListener('click', onClear);
  const words = VIEWS[findings.method];
  if (area !== null) into.append(card('h2', words.area(area.properties, findings.context), area.properties));
  // Where areas are cells themselves one card says it all.
  if (cell !== null && cell.id !== area?.id) {
    const id = textOf(cell.properties, 'h3') ?? cell.id;
    into.append(card(area === null ? 'h2' : 'h3', words.cell(id, cell.properties, findings.context), cell.properties));
  }
  into.append(clear);
}

function card(level: 'h2' | 'h3', { over, title, sentences }: Told, properties: Properties): HTMLElement {
  return element(
    'article',
    { class: 'card' },
    element('p', { class: 'over' }, over),
    element(level, {}, title),
    ...sentences.map((sentence, index) => element('p', index === 0 ? { class: 'lead' } : {}, sentence)),
    element('details', {}, element('summary', {}, 'All values'), valueTable(properties)),
  );
}

function valueTable(properties: Properties): HTMLElement {
  return element(
    'dl',
    {},
    ...Object.entries(properties).flatMap(([name, value]) => [
      element('dt', {}, name),
      element('dd', {}, valueText(value)),
    ]),
  );
}

function valueText(value: unknown): string {
  if (value === null || value === undefined) return 'unknown';
  if (Array.isArray(value) && value.length > 12) return `${value.length.toLocaleString('en')} entries`;
  if (Array.isArray(value) || isObject(value)) return JSON.stringify(value);
  return String(value);
}

/** The list of areas by rank. `isShown` leaves out what the filters hide. */
export function renderRanking(
  into: HTMLElement,
  { areas, method }: Findings,
  selected: string | null,
  isShown: (area: Feature) => boolean,
  onSelect: (area: Feature) => void,
): void {
  // Rendering anew must not take the keyboard's place in the list away.
  const active = document.activeElement;
  const focused = active instanceof HTMLElement && into.contains(active) ? active.dataset['area'] : undefined;
  const words = VIEWS[method];
  const shown = areas.filter(isShown);
  into.hidden = areas.length === 0;
  into.replaceChildren(
    element('h2', { class: 'section' }, words.listHeading),
    element('p', { class: 'fine' }, shown.length === 0 ? 'Hidden by the filters.' : words.listNote),
    element('ol', { class: 'ranking' }, ...shown.map((area) => rankingEntry(area, words, area.id === selected, onSelect))),
  );
  if (focused !== undefined) into.querySelector<HTMLElement>(`[data-area="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function rankingEntry(area: Feature, words: Words, isSelected: boolean, onSelect: (area: Feature) => void): HTMLElement {
  const rank = numberOf(area.properties, 'rank');
  const kind = textOf(area.properties, 'class') === 'cold' ? 'cold' : 'hot';
  const button = element(
    'button',
    { type: 'button', 'data-area': area.id, 'aria-pressed': String(isSelected) },
    element('span', { class: `badge ${kind}` }, rank === null ? '–' : String(rank)),
    element('span', { class: 'entry' },
      element('span', { class: 'name' }, words.title(area.properties)),
      element('span', { class: 'fine' }, words.line(area.properties))),
  );
  button.addEventListener('click', () => onSelect(area));
  return element('li', {}, button);
}
