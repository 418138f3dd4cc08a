// The elementary functions in f64. There is no second implementation to keep in step: this is src/base/elementary.ts
// itself, compiled to WASM, with only float-words replaced, so the bits are those of the TypeScript by construction.

export * from '../../../base/elementary';
