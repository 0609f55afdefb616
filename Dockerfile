# Both images are named by whoever builds: an SDK of .NET 10 with Node 20, and the ASP.NET Core 10 runtime with ICU and tzdata.
#   docker build --build-arg SDK_IMAGE=… --build-arg RUNTIME_IMAGE=… -t postmantis .
# Runs as nobody in particular on a read-only file system: docker run --read-only --tmpfs /tmp -v data:/data postmantis
ARG SDK_IMAGE
ARG RUNTIME_IMAGE
FROM ${SDK_IMAGE} AS build
WORKDIR /source
COPY . .
ENV Aspire=false DOTNET_CLI_TELEMETRY_OPTOUT=1
RUN dotnet publish PostMantis.Api -c Release -r linux-x64 -o /app

FROM ${RUNTIME_IMAGE}
WORKDIR /app
COPY --from=build /app .
ENV ASPNETCORE_HTTP_PORTS=8080 DOTNET_EnableDiagnostics=0 DataDirectory=/data
EXPOSE 8080
VOLUME /data
USER 1654:1654
ENTRYPOINT ["dotnet", "PostMantis.Api.dll"]
