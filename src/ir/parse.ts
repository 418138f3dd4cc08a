// Reads the text form of graphs (print.ts). Constants that the text names by hash come from the map given, or become
// opaque: they have a type and print back, but no values. Checks syntax and that values are defined before use; types and
// operators are the verifier's business.
import { badInput, type NeffcError } from '../base/diagnostic.js';
import { type DType, isDType } from '../base/dtype.js';
import { type Attr, type Attrs, bytesConstant, type Constant } from './constant.js';
import { bytesOfValues, readNumber, splatOfText } from './constant-text.js';
import type { Dim } from './dim.js';
import { parseDim } from './dim-text.js';
import type { Graph, Node, Origin, Region, Value } from './graph.js';
import { elementCount, staticShape, type TensorType, tensorType } from './type.js';

const SPACE = /(?:\s+|\/\/[^\n]*)*/y;
const STRING = /"(?:[^"\\]|\\.)*"/y;
const NAME = /[A-Za-z_][\w.]*/y;
const VALUE = /[%$]\d+/y;
const NUMBER = /-?(?:inf|nan|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)|true|false/y;
const HASH = /#[0-9a-f]+/y;
const DIMS = /\[([^\]]*)\]/y;

/** The graph of a text; E3232 with the line where it does not follow the grammar. */
export function parseGraph(text: string, constants: ReadonlyMap<string, Constant> = new Map()): Graph {
  return new Parser(text, constants).graph();
}

class Parser {
  private readonly text: string;
  private readonly constants: ReadonlyMap<string, Constant>;
  private readonly values = new Map<string, Value>();
  private at = 0;
  private nextId = 0;

  constructor(text: string, constants: ReadonlyMap<string, Constant>) {
    this.text = text;
    this.constants = constants;
  }

  graph(): Graph {
    this.word('graph');
    const name = this.string();
    const params = this.params();
    this.need('{');
    while (this.peek('$')) this.constantLine();
    const nodes = this.nodes('return');
    const names: string[] = [];
    const results = this.list(() => {
      names.push(this.string());
      return this.operand();
    }, '}');
    this.skip();
    if (this.at < this.text.length) throw this.error('the text goes on behind the graph');
    return { name, body: { params, nodes, results }, outputNames: names };
  }

  // ---- tokens -------------------------------------------------------------------------------------------------

  private skip(): void {
    SPACE.lastIndex = this.at;
    SPACE.exec(this.text);
    this.at = Math.max(this.at, SPACE.lastIndex);
  }

  private match(pattern: RegExp): RegExpExecArray | undefined {
    this.skip();
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text) ?? undefined;
    if (found !== undefined) this.at += found[0].length;
    return found;
  }

  private peek(text: string): boolean {
    this.skip();
    return this.text.startsWith(text, this.at);
  }

  private take(text: string): boolean {
    const there = this.peek(text);
    if (there) this.at += text.length;
    return there;
  }

  private need(text: string): void {
    if (!this.take(text)) throw this.error(`expected '${text}'`);
  }

  private word(word: string): void {
    if (this.name() !== word) throw this.error(`expected '${word}'`);
  }

  private token(pattern: RegExp, what: string): string {
    return this.match(pattern)?.[0] ?? this.fail(`expected ${what}`);
  }

  private name(): string {
    return this.token(NAME, 'a name');
  }

  private string(): string {
    const text = this.token(STRING, 'a string in double quotes');
    try {
      return JSON.parse(text) as string;
    } catch {
      throw this.error(`${text} is no string`);
    }
  }

  private error(reason: string): NeffcError {
    const line = this.text.slice(0, this.at).split('\n').length;
    return badInput('E3232', `line ${line} of the graph's text: ${reason}`, { line });
  }

  private fail(reason: string): never {
    throw this.error(reason);
  }

  /** Items with commas between them, up to and with `end`. */
  private list<T>(item: () => T, end: string): T[] {
    const items: T[] = [];
    if (this.take(end)) return items;
    do items.push(item());
    while (this.take(','));
    this.need(end);
    return items;
  }

  // ---- types and constants ------------------------------------------------------------------------------------

  private type(): TensorType {
    const dtype = this.name();
    if (!isDType(dtype)) throw this.error(`'${dtype}' is no element type`);
    const inner = this.match(DIMS)?.[1] ?? this.fail(`expected the dims of ${dtype} in brackets`);
    const texts = inner.trim() === '' ? [] : inner.split(',');
    const shape = texts.map((text): Dim => parseDim(text) ?? this.fail(`'${text}' is no dim`));
    return tensorType(dtype, shape);
  }

  private constant(): Constant {
    const { dtype, shape } = this.type();
    const dims = staticShape({ dtype, shape }) ?? this.fail('a constant has no symbolic dims');
    if (this.take('{')) return this.literal(dtype, dims);
    if (this.peek('#')) return this.hashed(dtype, dims);
    this.word('splat');
    const text = this.token(NUMBER, 'a number');
    return splatOfText(dtype, dims, text) ?? this.fail(`'${text}' is no ${dtype}`);
  }

  private literal(dtype: DType, shape: readonly number[]): Constant {
    const texts = this.list(() => (dtype === 'string' ? this.string() : this.token(NUMBER, 'a number')), '}');
    if (texts.length !== elementCount(shape))
      throw this.error(`${texts.length} values for a constant of ${elementCount(shape)} elements`);
    if (dtype === 'string') return { ...bytesConstant(dtype, shape, new Uint8Array(0)), strings: texts };
    const bytes = bytesOfValues(dtype, texts) ?? this.fail(`a value is no ${dtype}`);
    return bytesConstant(dtype, shape, bytes);
  }

  private hashed(dtype: DType, shape: readonly number[]): Constant {
    const hash = this.token(HASH, 'a hash').slice(1);
    const known = this.constants.get(hash);
    if (known === undefined) return { dtype, shape, recipe: { kind: 'opaque', hash } };
    if (known.dtype !== dtype || elementCount(known.shape) !== elementCount(shape))
      throw this.error(`the constant of hash ${hash} is not of this type`);
    return { ...known, shape };
  }

  private constantLine(): void {
    const id = this.token(VALUE, 'a constant');
    const name = this.peek('"') ? this.string() : '';
    this.need('=');
    this.word('constant');
    const constant = this.constant();
    const named = this.peek('from') ? this.sourceName(constant) : constant;
    this.values.set(id, this.constantValue(named, name));
  }

  private sourceName(c: Constant): Constant {
    this.word('from');
    const name = this.string();
    return c.recipe.kind === 'bytes' || c.recipe.kind === 'opaque'
      ? { ...c, recipe: { ...c.recipe, name } }
      : c;
  }

  private constantValue(constant: Constant, name: string): Value {
    const type = tensorType(constant.dtype, constant.shape);
    return { id: this.nextId++, name, type, def: { kind: 'constant', constant } };
  }

  // ---- nodes --------------------------------------------------------------------------------------------------

  private define(id: string, value: Value): Value {
    if (this.values.has(id)) throw this.error(`${id} is defined twice`);
    this.values.set(id, value);
    return value;
  }

  private params(): Value[] {
    this.need('(');
    return this.list(() => {
      const id = this.token(VALUE, 'a parameter');
      const name = this.peek('"') ? this.string() : '';
      this.need(':');
      return this.define(id, { id: this.nextId++, name, type: this.type(), def: { kind: 'param' } });
    }, ')');
  }

  private operand(): Value {
    const id = this.match(VALUE)?.[0];
    if (id === undefined) return this.constantValue(this.constant(), '');
    return this.values.get(id) ?? this.fail(`${id} is used before anything defines it`);
  }

  /** Nodes up to and with the word that ends the region. */
  private nodes(end: string): Node[] {
    const nodes: Node[] = [];
    for (;;) {
      const results: { id: string; name: string }[] = [];
      if (this.peek('%')) {
        do results.push({ id: this.token(VALUE, 'a value'), name: this.peek('"') ? this.string() : '' });
        while (this.take(','));
        this.need('=');
      }
      const op = this.name();
      if (op === end && results.length === 0) return nodes;
      nodes.push(this.node(op, results));
    }
  }

  private node(op: string, results: readonly { id: string; name: string }[]): Node {
    this.need('(');
    const inputs = this.list(() => this.operand(), ')');
    const attrs = this.take('{') ? this.attrs('}') : {};
    this.need(':');
    const types = results.map((_, i) => {
      if (i > 0) this.need(',');
      return this.type();
    });
    const origins: Origin[] = [];
    while (this.take('@')) origins.push(this.origin());
    const regions: Region[] = [];
    const outputs: Value[] = [];
    const node: Node = { id: this.nextId++, op, attrs, inputs, outputs, regions, origins };
    // Regions first: they see what is before the node, not its results.
    while (this.peek('region')) regions.push(this.region());
    for (const [index, { id, name }] of results.entries()) {
      const type = types[index] as TensorType;
      outputs.push(this.define(id, { id: this.nextId++, name, type, def: { kind: 'result', node, index } }));
    }
    return node;
  }

  private region(): Region {
    this.word('region');
    const params = this.params();
    this.need('{');
    const nodes = this.nodes('yield');
    return { params, nodes, results: this.list(() => this.operand(), '}') };
  }

  private origin(): Origin {
    const node = this.string();
    const parts = this.take('(') ? this.attrs(')') : {};
    return {
      node,
      ...(typeof parts.op === 'string' && { op: parts.op }),
      ...(typeof parts.file === 'string' && { file: parts.file }),
      ...(typeof parts.line === 'number' && { line: parts.line }),
    };
  }

  private attrs(end: string): Attrs {
    const entries = this.list((): [string, Attr] => {
      const name = this.name();
      this.need('=');
      return [name, this.attr()];
    }, end);
    return Object.fromEntries(entries);
  }

  private attr(): Attr {
    if (this.take('[')) return this.list(() => this.attr(), ']') as readonly number[] | readonly string[];
    if (this.peek('"')) return this.string();
    const text = this.token(NUMBER, 'a value');
    if (text === 'true' || text === 'false') return text === 'true';
    return Number(readNumber(text, 'f64'));
  }
}
