// Holds JSON against a schema, as far as the schemas of this project go: type, enum, properties, required, items,
// additionalProperties. Gives the path of each violation.

type Schema = { readonly [key: string]: unknown };

function typeOf(value: unknown): string[] {
  if (value === null) return ['null'];
  if (Array.isArray(value)) return ['array'];
  if (Number.isInteger(value)) return ['integer', 'number'];
  return [typeof value];
}

export function violations(value: unknown, schema: Schema, path = '$'): string[] {
  const found: string[] = [];
  const { type, items, properties, required, additionalProperties } = schema;
  if (type !== undefined && ![type].flat().some((t) => typeOf(value).includes(t as string))) {
    return [`${path} is ${typeOf(value)[0]}, not ${[type].flat().join(' or ')}`];
  }
  if (Array.isArray(schema.enum) && !schema.enum.includes(value))
    found.push(`${path} is none of ${schema.enum.join(', ')}`);
  if (Array.isArray(value) && items !== undefined) {
    for (const [i, item] of value.entries())
      found.push(...violations(item, items as Schema, `${path}[${i}]`));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return found;
  const known = (properties ?? {}) as Readonly<Record<string, Schema>>;
  for (const name of (required ?? []) as string[])
    if (!(name in value)) found.push(`${path}.${name} is missing`);
  for (const [name, inner] of Object.entries(value)) {
    if (known[name] !== undefined) found.push(...violations(inner, known[name], `${path}.${name}`));
    else if (additionalProperties === false) found.push(`${path}.${name} is not known`);
    else if (typeof additionalProperties === 'object')
      found.push(...violations(inner, additionalProperties as Schema, `${path}.${name}`));
  }
  return found;
}
