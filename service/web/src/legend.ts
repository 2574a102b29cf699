// The legend with its filters: what is drawn, in plain words.

import type { Findings, Surroundings } from './analyses.ts';
import { colourOf, GROUP_NAMES, GROUPS, legendParts, type Group, type LegendPart, type LegendRow, type Palette } from './classes.ts';
import { element } from './dom.ts';
import type { Store } from './state.ts';
import { VIEWS, type Words } from './views.ts';

export type GroupCounts = Readonly<Record<Group, number>>;

export function renderLegend(
  into: HTMLElement,
  store: Store,
  { method, context }: Findings,
  counts: GroupCounts,
  palette: Palette,
  surroundings: readonly Surroundings[],
): void {
  const words = VIEWS[method];
  // Closed at first where it would cover most of the map.
  const wasOpen = into.querySelector('details')?.open ?? (into.parentElement?.clientWidth ?? 0) > 760;
  const body = element(
    'details',
    { open: wasOpen },
    element('summary', {}, 'Legend and filters'),
    ...legendParts(context.side, method).flatMap((part) => legendPart(part, counts, palette)),
    ...(surroundings.length === 0
      ? []
      : [element('ul', { class: 'swatches' }, ...surroundings.map((layer) => lineRow(layer, palette)))]),
    element('p', { class: 'fine' }, words.threshold(context)),
    layerToggles(store, words),
    groupFilters(store, counts, words, GROUP_NAMES[method]),
  );
  into.replaceChildren(body);
}

function legendPart(part: LegendPart, counts: GroupCounts, palette: Palette): HTMLElement[] {
  const rows = part.rows.filter((row) => row.bin !== null || counts.untested > 0);
  const list = element(
    'ul',
    { class: 'swatches', ...(part.heading === null ? {} : { 'aria-label': part.heading }) },
    ...rows.map((row) => legendRow(row, palette)),
  );
  return part.heading === null ? [list] : [element('p', { class: 'subhead' }, part.heading), list];
}

function legendRow({ bin, label, note }: LegendRow, palette: Palette): HTMLElement {
  const swatch = element('span', { class: 'swatch', 'aria-hidden': 'true' });
  swatch.style.backgroundColor = colourOf(bin, palette);
  return element('li', { 'data-bin': String(bin) }, swatch, element('span', {}, label), element('small', {}, note));
}

function lineRow({ kind, title }: Surroundings, palette: Palette): HTMLElement {
  const swatch = element('span', { class: 'swatch line', 'aria-hidden': 'true' });
  swatch.style.backgroundColor = palette.context;
  return element('li', { 'data-line': kind }, swatch, element('span', {}, title));
}

function layerToggles(store: Store, words: Words): HTMLElement {
  const { showAreas, showCells } = store.get();
  return element(
    'fieldset',
    {},
    element('legend', {}, 'Draw'),
    checkbox('draw-areas', words.outlines, showAreas, (on) => store.set({ showAreas: on })),
    checkbox('draw-cells', words.fills, showCells, (on) => store.set({ showCells: on })),
  );
}

function groupFilters(
  store: Store, counts: GroupCounts, words: Words, names: Readonly<Record<Group, string>>,
): HTMLElement {
  const [one, many] = words.counted;
  const toggle = (group: Group, on: boolean): void => {
    const hidden = store.get().hidden.filter((one) => one !== group);
    store.set({ hidden: on ? hidden : [...hidden, group] });
  };
  return element(
    'fieldset',
    {},
    element('legend', {}, 'Show'),
    ...GROUPS.filter((group) => counts[group] > 0).map((group) =>
      checkbox(
        `show-${group}`,
        `${names[group]} (${counts[group].toLocaleString('en')} ${counts[group] === 1 ? one : many})`,
        !store.get().hidden.includes(group),
        (on) => toggle(group, on),
      ),
    ),
  );
}

function checkbox(id: string, label: string, checked: boolean, onChange: (on: boolean) => void): HTMLElement {
  const box = element('input', { type: 'checkbox', id });
  box.checked = checked;
  box.addEventListener('change', () => onChange(box.checked));
  return element('label', { for: id, class: 'check' }, box, label);
}
