// The text form of graphs: a line a node, regions indented below their node, constants that are large or named on lines of
// their own at the head. Values are numbered in the order of the text, so the same graph has the same text whatever its
// ids. parse.ts reads it back; both follow docs/ir.md.
import { type Attr, type Attrs, type Constant, sourceName } from './constant.js';
import { constantText, isInline, numberText } from './constant-text.js';
import { constantOf, type Graph, type Node, type Origin, type Region, type Value } from './graph.js';
import { formatType } from './type.js';

const quoted = (text: string): string => JSON.stringify(text);
const nameText = (v: Value): string => (v.name === '' ? '' : ` ${quoted(v.name)}`);

function attrText(value: Attr): string {
  if (typeof value === 'number') return numberText(value);
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'boolean') return String(value);
  return `[${value.map(attrText).join(',')}]`;
}

/** ` {axis=1, keep=false}`; nothing where there are none. */
export function attrsText(attrs: Attrs): string {
  const entries = Object.entries(attrs).map(([name, value]) => `${name}=${attrText(value)}`);
  return entries.length === 0 ? '' : ` {${entries.join(', ')}}`;
}

function originText({ node, op, file, line }: Origin): string {
  const parts = [
    ...(op === undefined ? [] : [`op=${quoted(op)}`]),
    ...(file === undefined ? [] : [`file=${quoted(file)}`]),
    ...(line === undefined ? [] : [`line=${line}`]),
  ];
  return ` @${quoted(node)}${parts.length === 0 ? '' : `(${parts.join(', ')})`}`;
}

class Printer {
  private readonly bytesOf: (c: Constant) => Uint8Array;
  private readonly names = new Map<Value, string>();
  private readonly constants: string[] = [];
  private readonly lines: string[] = [];
  private values = 0;

  constructor(bytesOf: (c: Constant) => Uint8Array) {
    this.bytesOf = bytesOf;
  }

  graph(g: Graph): string {
    const head = `graph ${quoted(g.name)} (${this.params(g.body)}) {`;
    this.nodes(g.body, '  ');
    const results = g.body.results.map((v, i) => `${quoted(g.outputNames[i] ?? '')} ${this.use(v)}`);
    const end = `  return${results.length === 0 ? '' : ' '}${results.join(', ')}`;
    return `${[head, ...this.constants, ...this.lines, end, '}'].join('\n')}\n`;
  }

  private define(v: Value): string {
    const name = `%${this.values++}`;
    this.names.set(v, name);
    return `${name}${nameText(v)}`;
  }

  private params(r: Region): string {
    return r.params.map((v) => `${this.define(v)}: ${formatType(v.type)}`).join(', ');
  }

  private use(v: Value): string {
    const known = this.names.get(v);
    if (known !== undefined) return known;
    const c = constantOf(v);
    // A value that nothing before it defines: the verifier says what is wrong, the text stays readable.
    if (c === undefined) return `%?${v.id}`;
    const text = `${formatType(v.type)} ${constantText(c, this.bytesOf)}`;
    const name = isInline(c, v.name) ? text : `$${this.constants.length}`;
    this.names.set(v, name);
    if (name !== text) {
      const source = sourceName(c);
      const from = source === undefined ? '' : ` from ${quoted(source)}`;
      this.constants.push(`  ${name}${nameText(v)} = constant ${text}${from}`);
    }
    return name;
  }

  private nodes(r: Region, indent: string): void {
    for (const node of r.nodes) this.node(node, indent);
  }

  private node(node: Node, indent: string): void {
    const operands = node.inputs.map((v) => this.use(v)).join(', ');
    const results = node.outputs.map((v) => this.define(v)).join(', ');
    const types = node.outputs.map((v) => formatType(v.type)).join(', ');
    const origins = node.origins.map(originText).join('');
    this.lines.push(
      `${indent}${results}${results === '' ? '' : ' = '}${node.op}(${operands})${attrsText(node.attrs)} : ${types}${origins}`,
    );
    for (const region of node.regions) {
      this.lines.push(`${indent}  region (${this.params(region)}) {`);
      this.nodes(region, `${indent}    `);
      const yielded = region.results.map((v) => this.use(v)).join(', ');
      this.lines.push(`${indent}    yield${yielded === '' ? '' : ' '}${yielded}`, `${indent}  }`);
    }
  }
}

/** The graph as text. `bytesOf` evaluates constants (ops/evaluate.ts: constantBytes). */
export function printGraph(graph: Graph, bytesOf: (c: Constant) => Uint8Array): string {
  return new Printer(bytesOf).graph(graph);
}
