// Eviction of a convolution tile from PSUM: bias, residual and activation on the way.

import type { Node, Value } from '../../../ir/graph.js';
import type { ActFunction } from '../../../isa/functions.js';
import type { LowerContext } from '../context.js';
import { hasPartitions } from '../layout.js';
import { move } from '../move.js';
import { permuteView, reshapeView, sliceAxis, sliceView, type View, viewShape } from '../view.js';
import { flatPlanes, type Window } from './window.js';

export interface Epilogue {
  readonly c: LowerContext;
  readonly node: Node;
  readonly w: Window;
  /** First image of the band. */
  readonly image: number;
}

export interface TilePlace {
  readonly m: number;
  readonly n: number;
  readonly o: number;
  readonly v: number;
}

/** dst [channels, images, rows, columns] = act(source + bias + residual); source is fp32 (or i32) in PSUM or SBUF. */
export function evictConvolution(e: Epilogue, dst: View, source: View, at: TilePlace): void {
  const { c, node } = e;
  const act = String(node.attrs.act ?? '');
  const alpha = Number(node.attrs.alpha ?? 0);
  const bias = biasColumn(e, at.m, viewShape(dst)[0] ?? 1);
  const residual = residualTile(e, dst, at);
  if (source.dtype === 'i32') {
    if (bias === undefined) c.b.copy(dst, source, { engine: 'dve' });
    else c.b.tensorScalar('add', dst, source, bias);
    return;
  }
  if (residual === undefined) {
    activateWithBias(c, dst, source, bias, act, alpha);
    return;
  }
  const plainAct = act === '' || act === 'relu';
  const sum = plainAct && dst.dtype === 'f32' ? dst : c.b.sbuf('sum', 'f32', viewShape(dst), [0]);
  if (bias === undefined) c.b.tensorTensor('add', sum, source, residual);
  else c.b.scalarTensorTensor('add', 'add', sum, source, bias, residual);
  if (act !== '' || sum !== dst) activateWithBias(c, dst, sum, undefined, act, alpha);
}

/** The cheapest instruction for act(x + bias). */
export function activateWithBias(
  c: LowerContext,
  dst: View,
  source: View,
  bias: View | undefined,
  act: string,
  alpha: number,
): void {
  if (act !== '' && act !== 'relu')
    c.b.activate(act as ActFunction, dst, source, { alpha, ...(bias && { bias }) });
  else if (c.b.lessBusy() === 'act')
    c.b.activate(act === '' ? 'copy' : 'relu', dst, source, bias ? { bias } : {});
  else if (bias !== undefined)
    c.b.tensorScalar('add', dst, source, bias, act === 'relu' ? { op1: 'max', s1: 0 } : {});
  else if (act === 'relu') c.b.tensorScalar('max', dst, source, 0);
  else c.b.copy(dst, source, { engine: 'dve' });
}

function biasColumn(e: Epilogue, m: number, channels: number): View | undefined {
  if (e.node.attrs.bias !== true) return undefined;
  const column = reshapeView(e.c.fetch(e.node.inputs[2] as Value, [0]), [e.w.out.c, 1, 1, 1]) as View;
  return sliceAxis(column, 0, m, channels);
}

function residualTile(e: Epilogue, dst: View, at: TilePlace): View | undefined {
  if (e.node.attrs.residual !== true) return undefined;
  const { c, w } = e;
  const value = e.node.inputs[e.node.attrs.bias === true ? 3 : 2] as Value;
  const [channels = 1, images = 1, rows = 1, columns = 1] = viewShape(dst);
  const starts = [at.n + e.image, at.m, at.o, at.v];
  const sizes = [images, channels, rows, columns];
  const places = c.places(value);
  const home =
    places.find((p) => hasPartitions(p, [1])) ??
    (places.some((p) => p.space === 'sbuf') ? c.fetch(value, [1]) : undefined);
  if (home !== undefined) return permuteView(sliceView(flatPlanes(home, w.out), starts, sizes), [1, 0, 2, 3]);
  const loaded = c.b.sbuf(value.name, c.dtype(value), sizes, [1]);
  move(c.b, loaded, sliceView(flatPlanes(c.place(value), w.out), starts, sizes), c.mayCrossPe(value));
  return permuteView(loaded, [1, 0, 2, 3]);
}
