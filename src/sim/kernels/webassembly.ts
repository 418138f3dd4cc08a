// The part of the WebAssembly interface that the loader uses. The compiler's library without the browser does not
// declare it, and the browser's declarations would let browser code pass everywhere.

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}
/** Opaque: compiled code. */
export interface WasmModule {
  readonly [Symbol.toStringTag]: 'WebAssembly.Module';
}

interface WebAssemblyInterface {
  readonly Memory: new (size: { readonly initial: number; readonly maximum: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (
    module: WasmModule,
    imports: { readonly env: { readonly memory: WasmMemory } },
  ) => { readonly exports: unknown };
  /** Whether the bytes are a module that this engine can run. */
  readonly validate: (bytes: Uint8Array) => boolean;
}

export const WASM = (globalThis as unknown as { readonly WebAssembly: WebAssemblyInterface }).WebAssembly;
