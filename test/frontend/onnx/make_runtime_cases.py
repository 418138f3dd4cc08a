"""Makes runtime-cases.json: single operators as ONNX Runtime computes them (numpy, onnx, onnxruntime).

Operators of com.microsoft, which no conformance suite has, and uses of ai.onnx that its suite leaves out: quantised
convolutions, recurrent networks with sequence lengths, older versions of Resize. Written with onnx 1.23.2 and onnxruntime 1.32.0.
"""

import base64
import json
import os

import numpy as np
import onnxruntime as ort
from onnx import helper as H
from onnx import numpy_helper as NH

MS = "com.microsoft"
rng = np.random.default_rng(3)
ort.set_default_logger_severity(4)
cases = []


def packed(a):
    names = {"float32": "f32", "uint8": "u8", "int8": "i8", "int32": "i32", "int64": "i64"}
    return {"dtype": names[a.dtype.name], "shape": list(a.shape), "data": base64.b64encode(a.tobytes()).decode()}


def case(name, op, ins, nout=1, domain=MS, consts=(), opset=17, **attrs):
    """Operands (None: left out), outputs as a count or as names; operands at `consts` become initializers."""
    names = ["" if a is None else f"x{i}" for i, a in enumerate(ins)]
    outs = [f"y{i}" for i in range(nout)] if isinstance(nout, int) else nout
    node = H.make_node(op, names, outs, domain=domain, name="n", **attrs)
    given = [(n, a) for i, (n, a) in enumerate(zip(names, ins)) if a is not None and i not in consts]
    inputs = [H.make_tensor_value_info(n, H.np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, a in given]
    init = [NH.from_array(ins[i], names[i]) for i in consts]
    graph = H.make_graph([node], "g", inputs, [H.make_empty_tensor_value_info(o) for o in outs if o], init)
    opsets = [H.make_opsetid("", opset), H.make_opsetid(MS, 1)]
    bytes_ = H.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(bytes_, options, providers=["CPUExecutionProvider"])
    results = session.run(None, dict(given))
    cases.append(
        {
            "name": name,
            "model": base64.b64encode(bytes_).decode(),
            "inputs": [packed(a) for _, a in given],
            "outputs": [packed(a) for a in results],
        }
    )


f=lambda *s: rng.standard_normal(s).astype(np.float32)
u8=lambda *s: rng.integers(0,256,s).astype(np.uint8)
i8=lambda *s: rng.integers(-128,128,s).astype(np.int8)
i32=lambda a: np.array(a,np.int32)
B,S,N,D=2,5,3,4; Hd=N*D
case('mha','MultiHeadAttention',[f(B,S,Hd),f(B,7,Hd),f(B,7,Hd)],num_heads=N)
case('mha_bias_mask','MultiHeadAttention',[f(B,S,Hd),f(B,S,Hd),f(B,S,Hd),f(3*Hd),i32([[1,1,1,1,0],[1,1,0,0,0]])],num_heads=N)
case('mha_1d','MultiHeadAttention',[f(B,S,Hd),f(B,S,Hd),f(B,S,Hd),None,i32([3,5])],num_heads=N)
case('mha_past','MultiHeadAttention',[f(B,S,Hd),f(B,S,Hd),f(B,S,Hd),None,None,f(1,N,S,S+2),f(B,N,2,D),f(B,N,2,D)],3,num_heads=N,unidirectional=1)
case('mha_4d','MultiHeadAttention',[f(B,S,Hd),f(B,N,6,D),f(B,N,6,D)],num_heads=N)
case('attn','Attention',[f(B,S,8),f(8,3*Hd),f(3*Hd)],num_heads=N)
case('attn_mask2','Attention',[f(B,S,8),f(8,3*Hd),f(3*Hd),i32([[1,1,1,0,0],[1,1,1,1,1]])],num_heads=N,unidirectional=1)
case('attn_mask1','Attention',[f(B,S,8),f(8,3*Hd),f(3*Hd),i32([3,5])],num_heads=N)
case('attn_mask3','Attention',[f(B,S,8),f(8,3*Hd),f(3*Hd),rng.integers(0,2,(B,S,S)).astype(np.int32)],num_heads=N)
case('attn_past','Attention',[f(B,1,8),f(8,3*Hd),f(3*Hd),i32(np.ones((B,5))),f(2,B,N,4,D)],2,num_heads=N,unidirectional=1)
case('attn_bias','Attention',[f(B,S,8),f(8,3*Hd),f(3*Hd),None,None,f(B,N,S,S)],num_heads=N)
for rot in (0,1):
  for inter in (0,1):
    if inter and not rot: continue
    cs=[f(16,8),f(16,8)] if rot else []
    D8=16
    ex=dict(num_heads=4,kv_num_heads=2,do_rotary=rot,rotary_interleaved=inter)
    case(f'gqa_prefill_{rot}{inter}','GroupQueryAttention',[f(B,S,4*D8),f(B,S,2*D8),f(B,S,2*D8),None,None,i32([S-1]*B),i32(S)]+cs,3,consts=(5,6),**ex)
    case(f'gqa_decode_{rot}{inter}','GroupQueryAttention',[f(B,1,4*D8),f(B,1,2*D8),f(B,1,2*D8),f(B,2,6,D8),f(B,2,6,D8),i32([6]*B),i32(7)]+cs,3,consts=(6,),**ex)
    case(f'gqa_ragged_{rot}{inter}','GroupQueryAttention',[f(B,1,4*D8),f(B,1,2*D8),f(B,1,2*D8),f(B,2,6,D8),f(B,2,6,D8),i32([4,6]),i32(7)]+cs,3,consts=(6,),**ex)
case('gqa_window','GroupQueryAttention',[f(B,S,4*8),f(B,S,2*8),f(B,S,2*8),None,None,i32([S-1]*B),i32(S)],3,consts=(5,6),num_heads=4,kv_num_heads=2,local_window_size=3)
case('gqa_softcap','GroupQueryAttention',[f(B,S,4*8),f(B,S,2*8),f(B,S,2*8),None,None,i32([S-1]*B),i32(S)],3,consts=(5,6),num_heads=4,kv_num_heads=2,softcap=2.0)
case('gqa_packed','GroupQueryAttention',[f(B,S,8*16),None,None,None,None,i32([S-1]*B),i32(S),f(16,8),f(16,8)],3,consts=(5,6),num_heads=4,kv_num_heads=2,do_rotary=1)
case('skipln','SkipLayerNormalization',[f(B,S,8),f(B,S,8),f(8),f(8),f(8)],['y','','','s'],epsilon=1e-5)
case('skipln2','SkipLayerNormalization',[f(B,S,8),f(1,S,8),f(8)],1)
case('skipsln','SkipSimplifiedLayerNormalization',[f(B,S,8),f(B,S,8),f(8),f(8)],['y','','','s'])
case('sln','SimplifiedLayerNormalization',[f(B,S,8),f(8)],1,domain='',axis=-1,epsilon=1e-6)
case('embedln','EmbedLayerNormalization',[i32(rng.integers(0,9,(B,S))),i32(rng.integers(0,2,(B,S))),f(9,8),f(12,8),f(2,8),f(8),f(8),i32([[1,1,1,0,0],[1]*5])],2)
case('biasgelu','BiasGelu',[f(B,S,8),f(8)]); case('fastgelu','FastGelu',[f(B,S,8),f(8)]); case('gelu','Gelu',[f(B,S,8)]); case('quickgelu','QuickGelu',[f(B,S,8)],alpha=1.3)
case('fusedmm','FusedMatMul',[f(2,4,3),f(2,5,4)],transA=1,transB=1,alpha=0.5)
case('fusedmmb','FusedMatMul',[f(4,2,3),f(2,3,5)],transBatchA=1)
case('fusedconv','FusedConv',[f(1,4,6,6),f(8,4,3,3),f(8)],activation='Relu',pads=[1,1,1,1])
case('fusedconvz','FusedConv',[f(1,4,6,6),f(8,4,3,3),f(8),f(1,8,6,6)],activation='Relu',pads=[1,1,1,1])
case('fusedgemm','FusedGemm',[f(4,3),f(5,3),f(5)],activation='LeakyRelu',activation_alpha=0.2,transB=1,alpha=0.5,beta=2.0)
pos=np.tile(np.arange(S),(B,1)).astype(np.int64)
case('rotary','RotaryEmbedding',[f(B,S,2*8),pos,f(16,4),f(16,4)])
case('rotary_off','RotaryEmbedding',[f(B,2,S,8),np.array([3],np.int64),f(16,4),f(16,4)],interleaved=1)
for bits in (4,8):
  for zp in (0,1):
    K,Nn,blk=40,6,16; nb=3
    w=u8(Nn,nb,blk*bits//8); sc=(rng.random((Nn*nb,))*0.1).astype(np.float32); ins=[f(3,K),w,sc]+([u8(Nn*((nb*bits+7)//8))] if zp else [])
    case(f'nbits{bits}{zp}','MatMulNBits',ins,consts=tuple(range(1,len(ins))),K=K,N=Nn,bits=bits,block_size=blk)
    case(f'nbits{bits}{zp}b','MatMulNBits',[ins[0],w,sc.reshape(Nn,nb)]+([ins[3].reshape(Nn,-1)] if zp else [None])+[None,f(Nn)],consts=tuple(i for i in (1,2,3,5) if not(i==3 and not zp)),K=K,N=Nn,bits=bits,block_size=blk)
s=lambda v: np.float32(v); z=lambda v: np.uint8(v)
a=lambda v: np.array(v)
case('qadd','QLinearAdd',[u8(2,5),a(s(.02)),a(z(120)),u8(2,5),a(s(.03)),a(z(100)),a(s(.05)),a(z(128))])
case('qmul','QLinearMul',[u8(2,5),a(s(.02)),a(z(120)),u8(5),a(s(.03)),a(z(100)),a(s(.05)),a(z(128))])
case('qsigmoid','QLinearSigmoid',[u8(2,50),a(s(.02)),a(z(120)),a(s(1/256)),a(z(0))])
case('qleaky','QLinearLeakyRelu',[u8(2,50),a(s(.02)),a(z(120)),a(s(.02)),a(z(120))],alpha=0.1)
case('qgap','QLinearGlobalAveragePool',[u8(1,3,5,5),a(s(.02)),a(z(120)),a(s(.02)),a(z(120))])
case('qconcat','QLinearConcat',[a(s(.02)),a(z(120)),u8(2,5),a(s(.03)),a(z(100)),u8(2,3),a(s(.01)),a(z(0))],axis=1)
case('mmitf','MatMulIntegerToFloat',[u8(3,8),i8(8,5),a(s(.02)),a(s(.03)),a(z(100)),a(np.int8(3)),f(5)])
case('mmitfc','MatMulIntegerToFloat',[u8(3,8),i8(8,5),a(s(.02)),rng.random(5).astype(np.float32),a(z(100)),i8(5)])
case('dqmm','DynamicQuantizeMatMul',[f(3,8),i8(8,5),a(s(.03)),a(np.int8(3)),f(5)])
for k,(X,W,wz) in enumerate([(u8,u8,np.uint8),(u8,i8,np.int8),(i8,i8,np.int8)]):
  xz=np.array(7,np.uint8 if X is u8 else np.int8)
  case(f'qconv{k}','QLinearConv',[X(1,4,6,7),a(s(.02)),xz,W(6,2,3,3),a(s(.03)),np.array(3,wz),a(s(1.7)),xz,rng.integers(-500,500,6).astype(np.int32)],domain='',group=2,pads=[1,0,1,2],strides=[2,1])
  case(f'qconvc{k}','QLinearConv',[X(2,4,6,7),a(s(.02)),xz,W(6,4,3,3),rng.random(6).astype(np.float32),np.zeros(6,wz),a(s(20.)),xz],domain='',pads=[1,1,1,1],consts=(1,2,3,4,5,6,7))
case('convint','ConvInteger',[u8(1,3,6,6),u8(5,3,3,3),a(z(9)),a(z(4))],domain='',pads=[1,1,1,1])
case('mmint','MatMulInteger',[u8(2,3,8),i8(8,5),a(z(9)),i8(5)],domain='')
case('qmm','QLinearMatMul',[u8(3,8),a(s(.02)),a(z(9)),i8(8,5),rng.random(5).astype(np.float32)*.1,i8(5),a(s(.3)),a(z(100))],domain='')
I,Hh=3,4
for dirn in ('forward','reverse','bidirectional'):
  d=2 if dirn=='bidirectional' else 1
  for lens in (None,i32([2,5])):
    L='l' if lens is not None else ''
    case(f'lstm_{dirn}{L}','LSTM',[f(S,B,I),f(d,4*Hh,I),f(d,4*Hh,Hh),f(d,8*Hh),lens,f(d,B,Hh),f(d,B,Hh),f(d,3*Hh)],3,domain='',direction=dirn,hidden_size=Hh,clip=1.5)
    for lbr in (0,1):
      case(f'gru_{dirn}{L}{lbr}','GRU',[f(S,B,I),f(d,3*Hh,I),f(d,3*Hh,Hh),f(d,6*Hh),lens,f(d,B,Hh)],2,domain='',direction=dirn,hidden_size=Hh,linear_before_reset=lbr)
    case(f'rnn_{dirn}{L}','RNN',[f(S,B,I),f(d,Hh,I),f(d,Hh,Hh),f(d,2*Hh),lens,f(d,B,Hh)],2,domain='',direction=dirn,hidden_size=Hh,activations=['Relu','Tanh'][:d])
case('lstm_if','LSTM',[f(S,B,I),f(1,4*Hh,I),f(1,4*Hh,Hh)],3,domain='',hidden_size=Hh,input_forget=1,activations=['HardSigmoid','Softsign','Elu'],activation_alpha=[0.3,0.7],activation_beta=[0.4])
sc=lambda *v: np.array(v,np.float32)
case('resize10n','Resize',[f(1,2,5,6),sc(1,1,2,0.5)],domain='',consts=(1,),opset=10,mode='nearest')
case('resize10l','Resize',[f(1,2,5,6),sc(1,1,2.5,0.6)],domain='',consts=(1,),opset=10,mode='linear')
case('upsample9','Upsample',[f(1,2,5,6),sc(1,1,2,3)],domain='',consts=(1,),opset=9,mode='linear')
for ct in ('half_pixel','pytorch_half_pixel','asymmetric','tf_half_pixel_for_nn'):
  for mode in ('nearest','linear','cubic'):
    if ct=='tf_half_pixel_for_nn' and mode!='nearest': continue
    case(f'resize11_{ct}_{mode}','Resize',[f(1,2,5,6),sc(),sc(1,1,1.6,0.7)],domain='',consts=(1,2),opset=11,mode=mode,coordinate_transformation_mode=ct,**({'nearest_mode':'floor'} if ct!='align_corners' else {}))
case('bn9','BatchNormalization',[f(2,3,4),f(3),f(3),f(3),np.abs(f(3))],domain='',opset=9)
case('softmax11','Softmax',[f(2,3,4)],domain='',opset=11,axis=1)
case('maxpool_ceil','MaxPool',[f(1,2,7,8)],2,domain='',kernel_shape=[3,2],strides=[2,3],pads=[1,0,1,1],ceil_mode=1,dilations=[1,2])
case('avgpool_ceil','AveragePool',[f(1,2,7,8)],1,domain='',kernel_shape=[3,3],strides=[2,3],pads=[1,0,1,1],ceil_mode=1,count_include_pad=1,opset=19)
case('avgpool_ceil0','AveragePool',[f(1,2,7,8)],1,domain='',kernel_shape=[3,3],strides=[2,3],pads=[1,0,1,1],ceil_mode=1,opset=19)
case('convt','ConvTranspose',[f(1,4,5,6),f(4,3,3,3),f(6)],1,domain='',group=2,strides=[2,3],pads=[1,0,1,2],output_padding=[1,0],dilations=[1,2])
case('convts','ConvTranspose',[f(1,4,5,6),f(4,3,3,3)],1,domain='',strides=[2,3],auto_pad='SAME_LOWER')
case('einsum1','Einsum',[f(2,3,4),f(2,4,5)],domain='',equation='bij,bjk->bik'); case('einsum2','Einsum',[f(2,3,4,5),f(3,6,5)],domain='',equation='bhie,hje->bhij')
case('einsum3','Einsum',[f(3,3),f(3)],domain='',equation='ii,i'); case('einsum4','Einsum',[f(2,3,4),f(4,3),f(3)],domain='',equation='...ij,ji,i->...j')

with open(os.path.join(os.path.dirname(__file__), "runtime-cases.json"), "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
