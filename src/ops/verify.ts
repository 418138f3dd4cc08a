// The verifier of graphs. What holds between any two passes:
//  1. Every node's operator is declared; its attributes, operand count and region count are what the declaration says.
//  2. The types of a node's results are those that inference gives for its operands, attributes and regions.
//  3. An operand is a constant, a parameter of the node's own region, or a result of an earlier node of that region; values
//     of an outer region come in only as parameters (explicit captures). The same holds for the results of a region.
//  4. The last operands of a node with regions are what the parameters of its regions stand for; inference checks that
//     their types do not contradict each other.
//  5. A value is defined once and knows its definition: result i of a node is its i-th output. Ids are unique.
//  6. Integer dims are counts; a constant's bytes are as many as its type takes; every output has a name.
// All violations are reported, each at its node. Nothing is repaired.
import { type Diagnostic, EXIT, NeffcError } from '../base/diagnostic.js';
import { elementBytes } from '../base/dtype.js';
import type { Constant } from '../ir/constant.js';
import { constantOf, type Graph, type Node, type Region, type Value } from '../ir/graph.js';
import { elementCount, formatType, sameType, type TensorType } from '../ir/type.js';
import type { OpDecl } from './declare.js';
import { InferenceFailure, inferTypes, schemaProblems } from './infer.js';
import { OPERATORS } from './table.js';

/** Every violation of the invariants above; empty for a good graph. */
export function verifyGraph(graph: Graph): readonly Diagnostic[] {
  const verifier = new Verifier();
  verifier.region(graph.body, undefined);
  if (graph.outputNames.length !== graph.body.results.length)
    verifier.report(
      'E1276',
      undefined,
      `${graph.body.results.length} outputs have ${graph.outputNames.length} names`,
    );
  return verifier.found;
}

/** Throws all violations as one error of ours; `after` says which step made the graph. */
export function checkGraph(graph: Graph, after: string): void {
  const found = verifyGraph(graph);
  if (found.length === 0) return;
  throw new NeffcError(
    found.map((d) => ({ ...d, message: `after ${after}: ${d.message}` })),
    EXIT.bug,
  );
}

const valueText = (v: Value): string => `value ${v.id}${v.name === '' ? '' : ` '${v.name}'`}`;

class Verifier {
  readonly found: Diagnostic[] = [];
  private readonly defined = new Set<Value>();
  private readonly ids = new Set<number>();
  private readonly constants = new Set<Value>();

  report(code: string, node: Node | undefined, message: string): void {
    const origin = node?.origins[0];
    const where = origin && { node: origin.node, ...(origin.line !== undefined && { line: origin.line }) };
    const subject =
      node === undefined ? '' : `${node.op} (node ${node.id}${origin ? ` from '${origin.node}'` : ''}): `;
    this.found.push({ code, severity: 'error', message: subject + message, ...(where && { where }) });
  }

  region(region: Region, owner: Node | undefined): void {
    const visible = new Set<Value>();
    for (const param of region.params) {
      if (param.def.kind !== 'param')
        this.report('E1275', owner, `parameter ${valueText(param)} has another definition`);
      this.define(param, owner, visible);
    }
    for (const node of region.nodes) this.node(node, visible);
    for (const v of region.results) this.use(v, owner, visible, 'result of the region');
  }

  private define(v: Value, node: Node | undefined, visible: Set<Value>): void {
    if (this.defined.has(v)) this.report('E1275', node, `${valueText(v)} is defined twice`);
    else this.id(v.id, node);
    this.defined.add(v);
    visible.add(v);
    this.dims(v, node);
  }

  private id(id: number, node: Node | undefined): void {
    if (this.ids.has(id)) this.report('E1275', node, `id ${id} is used twice`);
    this.ids.add(id);
  }

  private dims(v: Value, node: Node | undefined): void {
    const bad = v.type.shape.some((d) => typeof d === 'number' && !(Number.isSafeInteger(d) && d >= 0));
    if (bad) this.report('E1276', node, `${valueText(v)} has the impossible type ${formatType(v.type)}`);
  }

  private use(v: Value, node: Node | undefined, visible: ReadonlySet<Value>, as: string): void {
    const constant = constantOf(v);
    if (constant !== undefined) this.constant(v, constant, node);
    else if (!visible.has(v))
      this.report('E1274', node, `${as} is ${valueText(v)}, which is not defined before it in its region`);
  }

  private constant(v: Value, c: Constant, node: Node | undefined): void {
    if (this.constants.has(v)) return;
    this.constants.add(v);
    this.id(v.id, node);
    if (!sameType(v.type, c))
      this.report(
        'E1276',
        node,
        `constant ${valueText(v)} is ${formatType(c)}, its value ${formatType(v.type)}`,
      );
    const element = c.recipe.kind === 'splat' ? c.recipe.bytes.length : undefined;
    const whole = c.recipe.kind === 'bytes' ? c.recipe.bytes.length : c.cache?.length;
    const size = c.dtype === 'string' ? 0 : elementBytes(c.dtype);
    if (element !== undefined && element !== size)
      this.report('E1276', node, `the element of splat ${valueText(v)} has ${element} bytes, not ${size}`);
    if (whole !== undefined && whole !== size * elementCount(c.shape))
      this.report('E1276', node, `constant ${valueText(v)} has ${whole} bytes, but is ${formatType(c)}`);
  }

  private node(node: Node, visible: Set<Value>): void {
    this.id(node.id, node);
    for (const [i, v] of node.inputs.entries()) this.use(v, node, visible, `operand ${i}`);
    for (const region of node.regions) this.region(region, node);
    for (const [i, v] of node.outputs.entries()) {
      if (v.def.kind !== 'result' || v.def.node !== node || v.def.index !== i)
        this.report('E1275', node, `output ${i}, ${valueText(v)}, does not point back to it`);
      this.define(v, node, visible);
    }
    const decl = OPERATORS.get(node.op);
    if (decl === undefined) this.report('E1271', node, `there is no operator '${node.op}'`);
    else this.types(decl, node);
  }

  private types(decl: OpDecl, node: Node): void {
    const problems = schemaProblems(decl, node.attrs, node.inputs.length, node.regions.length);
    for (const problem of problems) this.report('E1272', node, problem);
    if (problems.length > 0) return;
    let inferred: readonly TensorType[];
    try {
      const types = node.inputs.map((v) => v.type);
      inferred = inferTypes(
        decl,
        node.attrs,
        types,
        (i) => node.inputs[i] && constantOf(node.inputs[i]),
        node.regions,
      );
    } catch (e) {
      if (!(e instanceof InferenceFailure)) throw e;
      this.report('E1273', node, e.message);
      return;
    }
    const same =
      inferred.length === node.outputs.length &&
      inferred.every((t, i) => sameType(t, node.outputs[i]?.type ?? t));
    if (!same) {
      const [wanted, has] = [inferred, node.outputs.map((v) => v.type)].map((list) =>
        list.map(formatType).join(', '),
      );
      this.report('E1273', node, `inference gives ${wanted}, but the results are ${has}`);
    }
  }
}
