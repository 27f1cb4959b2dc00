module sizer/benchmarks/gguf_parser

go 1.22.0

require github.com/gpustack/gguf-parser-go v0.25.0
