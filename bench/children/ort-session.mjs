// Creates an ONNX Runtime session with default options and ends. Usage: node ort-session.mjs MODEL
import { InferenceSession } from 'onnxruntime-node';

const start = performance.now();
await InferenceSession.create(process.argv[2]);
console.log(JSON.stringify({ createMs: performance.now() - start }));
