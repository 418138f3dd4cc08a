// Decoders of JSON members: each checks a parsed value and gives it its type, with keys in the decoder's order, so that what is
// written (which passes through the same decoder) depends on content alone. Keys that no decoder names are dropped: a newer
// minor version may add some. Every failure names the path inside the member.
import { badInput } from '../base/diagnostic.js';
import { type DType, isDType } from '../base/dtype.js';

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonRecord;
export interface JsonRecord {
  readonly [key: string]: JsonValue;
}

export type Decode<T> = (value: unknown, path: string) => T;

/** A decoder of a key that may be missing. */
export interface Optional<T> {
  readonly optional: Decode<T>;
}

/** Decoders of the keys of T; optional keys have an Optional. */
export type Keys<T> = {
  readonly [K in keyof T]-?: undefined extends T[K] ? Optional<Exclude<T[K], undefined>> : Decode<T[K]>;
};

/** Nesting of free-form records, and of the steps of host programs. */
export const MAX_DEPTH = 64;

/** E3511: the value at `path` is not what the format says. */
export function fail(path: string, fact: string): never {
  throw badInput('E3511', `${path} ${fact}`);
}

export const text: Decode<string> = (value, path) =>
  typeof value === 'string' ? value : fail(path, 'is not a string');

export const finite: Decode<number> = (value, path) =>
  typeof value === 'number' && Number.isFinite(value) ? value : fail(path, 'is not a number');

/** An integer from 0 on that JavaScript holds exactly. */
export const count: Decode<number> = (value, path) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    ? value
    : fail(path, 'is not a count');

export const dtype: Decode<DType> = (value, path) =>
  typeof value === 'string' && isDType(value) ? value : fail(path, 'is not an element type');

export function oneOf<T extends string>(names: readonly T[]): Decode<T> {
  return (value, path) =>
    names.find((name) => name === value) ?? fail(path, `is none of ${names.join(', ')}`);
}

export function optional<T>(decode: Decode<T>): Optional<T> {
  return { optional: decode };
}

export function list<T>(item: Decode<T>): Decode<readonly T[]> {
  return (value, path) =>
    Array.isArray(value) ? value.map((v, i) => item(v, `${path}[${i}]`)) : fail(path, 'is not a list');
}

/** A list of counts, without a path for each of what may be very many. */
export const counts: Decode<readonly number[]> = (value, path) => {
  if (!Array.isArray(value)) return fail(path, 'is not a list');
  if (!value.every((v) => Number.isSafeInteger(v) && v >= 0)) return fail(path, 'is not a list of counts');
  return value as readonly number[];
};

function asRecord(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail(path, 'is not an object');
  return value as Readonly<Record<string, unknown>>;
}

export function record<T>(keys: Keys<T>): Decode<T> {
  const entries = Object.entries(keys) as [string, Decode<unknown> | Optional<unknown>][];
  return (value, path) => {
    const given = asRecord(value, path);
    const made: Record<string, unknown> = {};
    for (const [key, decode] of entries) {
      const item = Object.hasOwn(given, key) ? given[key] : undefined;
      if (typeof decode === 'function') made[key] = decode(item, `${path}.${key}`);
      else if (item !== undefined) made[key] = decode.optional(item, `${path}.${key}`);
    }
    return made as T;
  };
}

/** An object with any keys and values of one kind. */
export function dictionary<T>(item: Decode<T>): Decode<Readonly<Record<string, T>>> {
  return (value, path) =>
    Object.fromEntries(Object.entries(asRecord(value, path)).map(([k, v]) => [k, item(v, `${path}.${k}`)]));
}

function freeForm(value: unknown, path: string, depth: number): JsonValue {
  if (depth > MAX_DEPTH) return fail(path, `is nested deeper than ${MAX_DEPTH}`);
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') return finite(value, path);
  if (Array.isArray(value)) return value.map((v, i) => freeForm(v, `${path}[${i}]`, depth + 1));
  const entries = Object.entries(asRecord(value, path)).filter(([, v]) => v !== undefined);
  return Object.fromEntries(entries.map(([k, v]) => [k, freeForm(v, `${path}.${k}`, depth + 1)]));
}

/** Any JSON, copied; keys keep their order. */
export const json: Decode<JsonValue> = (value, path) => freeForm(value, path, 0);

/** Any JSON object. */
export const jsonRecord: Decode<JsonRecord> = (value, path) =>
  freeForm(asRecord(value, path), path, 0) as JsonRecord;
