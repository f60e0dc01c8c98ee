VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
export HELM := helm.sh/helm/v3/cmd/helm@v3.22.0
LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
export CGO_ENABLED ?= 0

.PHONY: run build man deb image test check acceptance mutants bench fuzz soak clean

# Build, start the gateway with the embedded backend, say how to use it.
LISTEN ?= 127.0.0.1:8776
run: build
	build/cindergate serve --data build/state --listen $(LISTEN)

build:
	go build -trimpath -buildvcs=auto -ldflags '-s -w -X main.version=$(VERSION)' -o build/ ./cmd/cindergate

# Man pages in build/man, shell completions in build/completions.
man: build
	build/cindergate man build/man
	mkdir -p build/completions
	for shell in bash zsh fish; do build/cindergate completion $$shell >build/completions/cindergate.$$shell; done

# A Debian package for this machine, build/cindergate_*.deb. DEB_MAINTAINER names who answers for it.
deb: man
	XZ=$(XZ) packaging/deb/build $(VERSION)

# A container image, build/cindergate-image.tar: an OCI layout with one image for each of ARCHS.
ARCHS ?= amd64 arm64
image:
	mkdir -p build/image
	for arch in $(ARCHS); do CGO_ENABLED=0 GOOS=linux GOARCH=$$arch \
		go build -trimpath -buildvcs=auto -ldflags '-s -w -X main.version=$(VERSION)' -o build/image/$$arch ./cmd/cindergate || exit 1; done
	packaging/notices >build/image/notices
	cd packaging/image && go run . $(foreach arch,$(ARCHS),-binary $(arch)=../../build/image/$(arch)) -notices ../../build/image/notices \
		-version $(VERSION) -name cindergate:$(subst +,-,$(VERSION)) -revision "$$(git rev-parse HEAD)" -created "$$(git log -1 --format=%ct)" \
		-out ../../build/cindergate-image.tar

# Every Go test. The race detector needs cgo, and takes minutes to restore a GiB: a
# real Cinder's backups, and large volumes, are restored without it. Then the score of the replay.
test:
	CGO_ENABLED=1 go test -race -shuffle=on -timeout 30m ./...
	cd packaging/image && go test ./...
	go test -count=1 -run '^(TestGolden|TestRealCindersRecords|TestThin|TestLongZeroObjects)$$' ./driver/embedded ./internal/chunked
	@go test -count=1 -v -run '^TestGoldenReplay$$' ./gateway | grep -oE 'golden replay: .*'

check:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'gofmt: files above need formatting'; exit 1; }
	go vet ./...
	go mod tidy -diff
	cd packaging/image && go vet ./... && go mod tidy -diff
	cd examples/harness/container && go vet ./... && go mod tidy -diff
	go run $(LINT) run ./...
	go test -count=1 -tags helm ./packaging/helm

# Foreign clients and real servers; installs the Debian packages that it needs.
acceptance: build
	acceptance/run

# Changes one line of the code at a time, and runs the test that must notice.
# MUTANTS=-short is the form of acceptance.
mutants:
	go run ./acceptance/mutants $(MUTANTS)

fuzz:
	acceptance/run fuzz

# The long form of kills, fuzzing and mutants: hours.
soak: build
	acceptance/run soak

bench: build
	acceptance/bench/run

# All but the volumes and backups of `make run`.
clean:
	[ ! -d build ] || find build -mindepth 1 -maxdepth 1 ! -name state -exec rm -rf {} +
