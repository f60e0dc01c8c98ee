package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"cindergate/config"
)

// newLogger logs to standard error.
func newLogger(c config.Log) (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(c.Level)
	if err != nil {
		return nil, err
	}
	readable := c.Format == "console" || c.Format == "auto" && isTerminal(os.Stderr)
	settings := zap.NewProductionEncoderConfig()
	settings.EncodeTime = zapcore.ISO8601TimeEncoder
	encoder := zapcore.NewJSONEncoder(settings)
	if readable {
		settings.EncodeLevel = zapcore.CapitalColorLevelEncoder
		encoder = zapcore.NewConsoleEncoder(settings)
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(os.Stderr), level)), nil
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// settingFlags returns the flags that set settings of the configuration.
func settingFlags(cmd *cobra.Command) *pflag.FlagSet {
	set := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	for _, name := range []string{"data", "listen", "auth"} {
		if f := cmd.Flags().Lookup(name); f != nil {
			set.AddFlag(f)
		}
	}
	return set
}
