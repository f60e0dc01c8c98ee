package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"

	"cindergate/config"
	"cindergate/gateway"
)

// endpoint is an HTTP server with its listener.
type endpoint struct {
	server   *http.Server
	listener net.Listener
}

// newEndpoint makes an endpoint with the configured timeouts.
func newEndpoint(c *config.Config, handler http.Handler, listener net.Listener, connections *gateway.Connections, log *zap.Logger) endpoint {
	return endpoint{&http.Server{
		Handler:           gateway.WriteTimeout(handler, c.HTTP.WriteTimeout, nil),
		ReadHeaderTimeout: c.HTTP.HeaderTimeout, ReadTimeout: c.HTTP.ReadTimeout, IdleTimeout: c.HTTP.IdleTimeout,
		ConnState: connections.State,
		ErrorLog:  zap.NewStdLog(log.Named("http")),
	}, listener}
}

// operators is the number of connections to the listener for metrics and health.
const operators = 64

// openInternal opens the listener for metrics and health.
func openInternal(ctx context.Context, c *config.Config, handler http.Handler, log *zap.Logger) (endpoint, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Metrics.Listen)
	if err != nil {
		return endpoint{}, fmt.Errorf("metrics.listen: %w", err)
	}
	log.Info("serving metrics and health", zap.Stringer("address", listener.Addr()))
	connections := gateway.NewConnections(operators)
	return newEndpoint(c, handler, connections.Listener(listener), connections, log), nil
}

// serve answers until stop is called.
func (e endpoint) serve() error {
	if err := e.server.Serve(e.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// stop waits for open requests, for at most grace. ctx may have ended.
func (e endpoint) stop(ctx context.Context, grace time.Duration, log *zap.Logger) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := e.server.Shutdown(ctx); err != nil {
		log.Warn("requests did not end in time", zap.Error(err))
		return e.server.Close()
	}
	return nil
}
