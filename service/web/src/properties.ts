// Reading the properties of a feature: every one may be missing or null, and null means "not known".

export type Properties = Readonly<Record<string, unknown>>;

/** The finite number under this name, or null. */
export function numberOf(properties: Properties, name: string): number | null {
  const value = properties[name];
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** The non-empty text under this name, or null. */
export function textOf(properties: Properties, name: string): string | null {
  const value = properties[name];
  return typeof value === 'string' && value.trim() !== '' ? value : null;
}

/** The nested object under this name, or an empty one. */
export function objectOf(properties: Properties, name: string): Properties {
  const value = properties[name];
  return isObject(value) ? value : {};
}

export function isObject(value: unknown): value is Properties {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
