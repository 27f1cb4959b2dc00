// Prints what gguf-parser-go says of GGUF files at a context: weights and cache in bytes, one JSON object a line.
//
//	go run . CONTEXT_TOKENS FILE ...
package main

import (
	"encoding/json"
	"os"
	"strconv"

	parser "github.com/gpustack/gguf-parser-go"
)

func main() {
	context, err := strconv.ParseInt(os.Args[1], 10, 32)
	if err != nil {
		panic(err)
	}
	out := json.NewEncoder(os.Stdout)
	for _, path := range os.Args[2:] {
		file, err := parser.ParseGGUFFile(path)
		if err != nil {
			panic(err)
		}
		var weights, cache uint64
		run := file.EstimateLLaMACppRun(
			parser.WithLLaMACppContextSize(int32(context)),
			parser.WithLLaMACppOffloadLayers(0), // with offloading, the head is counted on both sides
		)
		for _, device := range run.Devices {
			weights += uint64(device.Weight.Input + device.Weight.Compute + device.Weight.Output)
			cache += uint64(device.KVCache.Sum())
		}
		if err := out.Encode(map[string]any{"path": path, "weights_bytes": weights, "kv_cache_bytes": cache}); err != nil {
			panic(err)
		}
	}
}
