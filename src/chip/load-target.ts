// A --target file to a Target: the parsed JSON is checked against TARGET_FIELDS, all faults are reported at once.
// `base` names a built-in target whose values fill what the file leaves out. Reads no file itself.
import type { Diagnostic } from '../base/diagnostic.js';
import { EXIT, NeffcError } from '../base/diagnostic.js';
import { BUILTIN_TARGETS } from './builtin.js';
import type { Target } from './target.js';
import { TARGET_FIELDS, TARGET_NAME, TARGET_PATHS, type TargetPath, valueAt } from './target-fields.js';

type Json = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Dotted paths of all values that are no records. */
function leaves(record: Json, prefix = ''): string[] {
  return Object.entries(record).flatMap(([key, value]) =>
    isRecord(value) ? leaves(value, `${prefix}${key}.`) : [`${prefix}${key}`],
  );
}

/** The code and sentence of what is wrong with a value; undefined where nothing is. */
function fault(path: TargetPath, value: unknown): readonly [code: string, message: string] | undefined {
  const field = TARGET_FIELDS[path];
  if (value === undefined) return ['E3401', `${path} is missing`];
  if (field.type === 'integer') {
    if (typeof value !== 'number' || !Number.isInteger(value)) return ['E3402', `${path} must be an integer`];
    const { min, max, unit } = field;
    if (value < min || value > max)
      return ['E3403', `${path} = ${value} is outside ${min}..${max} ${unit}`.trimEnd()];
    return undefined;
  }
  if (typeof value !== field.type) return ['E3402', `${path} must be a ${field.type}`];
  if (typeof value === 'string' && !TARGET_NAME.test(value)) {
    return ['E3403', `${path} must be up to 64 lower-case letters, digits, - and _`];
  }
  return undefined;
}

function setAt(record: Record<string, unknown>, path: string, value: unknown): void {
  const [key = '', ...rest] = path.split('.');
  if (rest.length === 0) {
    record[key] = value;
    return;
  }
  const inner = (record[key] ?? {}) as Record<string, unknown>;
  record[key] = inner;
  setAt(inner, rest.join('.'), value);
}

/**
 * The target that parsed JSON describes.
 * @param file name for the place of diagnostics
 * @throws E3401 (missing or unknown field, not an object), E3402 (wrong type), E3403 (out of range), all of them in one error
 */
export function loadTarget(json: unknown, file: string): Target {
  const diagnostics: Diagnostic[] = [];
  const complain = (code: string, message: string): void => {
    diagnostics.push({
      code,
      severity: 'error',
      message,
      where: { file },
      hint: 'docs/targets.md lists the fields of a target',
    });
  };
  const given = isRecord(json) ? json : {};
  if (!isRecord(json)) complain('E3401', 'a target file holds one JSON object');
  const base = BUILTIN_TARGETS.find((t) => t.name === given.base);
  if (given.base !== undefined && base === undefined) {
    complain('E3403', `base must be one of ${BUILTIN_TARGETS.map((t) => t.name).join(', ')}`);
  }
  for (const path of leaves(given)) {
    if (path !== 'base' && !Object.hasOwn(TARGET_FIELDS, path))
      complain('E3401', `a target has no field ${path}`);
  }
  const target: Record<string, unknown> = {};
  for (const path of TARGET_PATHS) {
    const own = valueAt(given, path);
    const value = own === undefined ? valueAt(base, path) : own;
    const wrong = fault(path, value);
    if (wrong !== undefined) complain(...wrong);
    setAt(target, path, value);
  }
  if (diagnostics.length > 0) throw new NeffcError(diagnostics, EXIT.badInput);
  return target as unknown as Target;
}

type Schema = { [key: string]: unknown };

function valueSchema(path: TargetPath): Schema {
  const field = TARGET_FIELDS[path];
  const description =
    field.type === 'integer' && field.unit !== '' ? `${field.title}, in ${field.unit}` : field.title;
  if (field.type === 'integer')
    return { type: 'integer', description, minimum: field.min, maximum: field.max };
  return field.type === 'string'
    ? { type: 'string', description, pattern: TARGET_NAME.source }
    : { type: 'boolean', description };
}

/** JSON schema of target files (docs/schemas/target.schema.json). Without `base` every field is needed. */
export function targetSchema(): Schema {
  const properties: Record<string, Schema> = {
    base: {
      type: 'string',
      description: 'Built-in target whose values fill what is left out; without it all fields are needed',
      enum: BUILTIN_TARGETS.map((t) => t.name),
    },
  };
  for (const path of TARGET_PATHS) {
    const [group = '', key] = path.split('.');
    if (key === undefined) {
      properties[group] = valueSchema(path);
      continue;
    }
    const record = properties[group] ?? { type: 'object', additionalProperties: false, properties: {} };
    (record.properties as Record<string, Schema>)[key] = valueSchema(path);
    properties[group] = record;
  }
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'neffc target',
    type: 'object',
    additionalProperties: false,
    properties,
  };
}
