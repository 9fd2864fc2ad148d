// Copyright (C) Ficus authors

// Toxiproxy is the second proxy of the chaos test: Shopify's Toxiproxy, whose
// API listens at HOST PORT and changes it while it runs.  SEED is of the toxics
// that take only a share of the connections.
package main

import (
	"log"
	"math/rand"
	"os"
	"strconv"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: toxiproxy HOST PORT SEED")
	}

	seed, err := strconv.ParseInt(os.Args[3], 10, 64)
	if err != nil {
		log.Fatal(err)
	}

	rand.Seed(seed)

	metrics := toxiproxy.NewMetricsContainer(prometheus.NewRegistry())
	server := toxiproxy.NewServer(metrics,
		zerolog.New(os.Stderr).Level(zerolog.ErrorLevel))
	server.Listen(os.Args[1], os.Args[2])
}
